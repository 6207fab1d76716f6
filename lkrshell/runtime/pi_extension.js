// Leads pi to lkr's broker: `lkr agent-env` passes it by --extension, with addresses and names of variables in
// LKR_PI_PROVIDERS. The key of this start goes before one that pi keeps, which the broker would refuse.
export default function (pi) {
  const providers = Object.entries(JSON.parse(process.env.LKR_PI_PROVIDERS || "{}"));
  for (const [name, { baseUrl }] of providers) pi.registerProvider(name, { baseUrl });
  pi.on("session_start", (_, context) => {
    for (const [name, { variable }] of providers)
      context.modelRegistry?.authStorage?.setRuntimeApiKey(name, process.env[variable]);
  });
}
