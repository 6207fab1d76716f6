// Leads pi to lkr's broker: `lkr agent-env` passes it by --extension, with the addresses in LKR_PI_PROVIDERS.
export default function (pi) {
  for (const [name, settings] of Object.entries(JSON.parse(process.env.LKR_PI_PROVIDERS || "{}")))
    pi.registerProvider(name, settings);
}
