/*
 * A stand-in, for the tests on Linux, for the part of macOS that lkr calls: CoreFoundation, Security,
 * LocalAuthentication and AppKit's pasteboard through the Objective-C runtime, libproc, sysctl, confstr and ptrace.
 *
 * It is no copy of macOS and protects nothing: its keychain is a text file. It exists so that lkr's real foreign
 * calls run: their signatures, who owns what they return, and the errors. Each function has the signature of Apple's
 * published header, which is named above it. What it does follows Apple's documentation, and for the errors of file
 * keychains what the Rust lkr saw on a real Mac (its docs/spike-report-v4.md, crates/lkr-core/src/keymanager.rs).
 *
 * The folder that LKR_STANDIN names holds its state:
 *   switch       words, one a line: no-gui, answer=allow|always|deny|cancel, unlock=PASSWORD, touch=yes|cancel|failed|
 *                none|lockout, fail=FUNCTION:STATUS, others=PROGRAM, restricted=PROGRAM, kept=FROM|TO
 *   dialogs      one line for each dialog that a Mac would have shown
 *   errors       over-releases and other misuse, each a line
 *   counts/PID   how many objects and buffers a process holds: it lives on when the process ends by _exit
 *   login.keychain-db  the login keychain, always open; what a NULL keychain means
 *   unlocked/    which keychains are open, and until when
 *   pasteboard   what was copied
 * LKR_STANDIN_SELF is what the caller counts as for access lists, "PATH CDHASH"; by default its executable.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int32_t OSStatus;       /* MacTypes.h: SInt32 */
typedef unsigned char Boolean;  /* MacTypes.h */
typedef uint32_t UInt32;        /* MacTypes.h */
typedef long CFIndex;           /* CFBase.h */
typedef const void *CFTypeRef;  /* CFBase.h */

/* SecBase.h, "Security Error Codes" */
enum {
    errSecSuccess = 0,
    errSecParam = -50,
    errSecUserCanceled = -128,
    errSecAuthFailed = -25293,
    errSecNoSuchKeychain = -25294,
    errSecInvalidKeychain = -25295,
    errSecDuplicateKeychain = -25296,
    errSecDuplicateItem = -25299,
    errSecItemNotFound = -25300,
    errSecInteractionNotAllowed = -25308,
};

/* ---- the state folder ------------------------------------------------------------------------------------------ */

static const char *folder(void) {
    const char *path = getenv("LKR_STANDIN");
    return path && *path ? path : "/nonexistent";
}

static char *in_folder(const char *name) {
    static __thread char path[4][4200];
    static __thread int at;
    char *one = path[at = (at + 1) % 4];
    snprintf(one, sizeof path[0], "%s/%s", folder(), name);
    return one;
}

static void note(const char *file, const char *form, ...) {
    char line[4096];
    va_list list;
    va_start(list, form);
    int size = vsnprintf(line, sizeof line - 1, form, list);
    va_end(list);
    if (size > (int)sizeof line - 2)
        size = sizeof line - 2;
    line[size] = '\n';
    int fd = open(in_folder(file), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (write(fd, line, size + 1) < 0)
            abort();
        close(fd);
    }
}

static char *read_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct stat info;
    fstat(fd, &info);
    char *text = malloc(info.st_size + 1);
    ssize_t size = read(fd, text, info.st_size);
    close(fd);
    text[size < 0 ? 0 : size] = 0;
    return text;
}

/* The same of a file of /proc, which tells no size. */
static char *read_stream(const char *path) {
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    if (!in)
        return NULL;
    if (getdelim(&text, &room, 0, in) < 0) {
        free(text);
        text = NULL;
    }
    fclose(in);
    return text;
}

/* The value of a word in `switch`: "" for a bare one, NULL when it is not there. Not to be freed. */
static const char *switched(const char *word) {
    static __thread char value[1024];
    char *text = read_file(in_folder("switch"));
    const char *found = NULL;
    if (!text)
        return NULL;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        size_t size = strlen(word);
        if (!strncmp(line, word, size) && (line[size] == 0 || line[size] == '=')) {
            snprintf(value, sizeof value, "%s", line[size] ? line + size + 1 : "");
            found = value;
        }
    }
    free(text);
    return found;
}

static int fails(const char *function, OSStatus *status) {
    const char *rule = switched("fail");
    size_t size = strlen(function);
    if (!rule || strncmp(rule, function, size) || rule[size] != ':')
        return 0;
    *status = atoi(rule + size + 1);
    return 1;
}

/* ---- counting: what is alive in this process ---------------------------------------------------------------------- */

struct counts {
    int64_t objects, buffers, calls;
};
static struct counts *counts_of, nowhere;
static pid_t counted;
static char counted_in[4096];

static struct counts *counts(void) {
    if (counted == getpid() && counts_of && !strcmp(counted_in, folder()))
        return counts_of;
    counted = getpid();
    snprintf(counted_in, sizeof counted_in, "%s", folder());
    char name[64];
    mkdir(in_folder("counts"), 0700);
    snprintf(name, sizeof name, "counts/%d", counted);
    int fd = open(in_folder(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct counts)))
        return counts_of = &nowhere;
    counts_of = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return counts_of;
}

enum kind { STRING = 1, ARRAY, DICTIONARY, BOOLEAN, KEYCHAIN, ITEM, ACCESS, APPLICATION, OBJECT };
static const char *kinds[] = {"",     "CFString",  "CFArray",               "CFDictionary",       "CFBoolean", "SecKeychain",
                              "SecKeychainItem", "SecAccess", "SecTrustedApplication", "Objective-C object"};

struct object {
    uint32_t magic, kind;
    int64_t count; /* -1: a constant, never released */
    size_t size;
    unsigned char *bytes;    /* of strings, a keychain's path, an application's "PATH CDHASH" */
    struct object **entries; /* of arrays; of dictionaries key, value, key, value; an item's keychain; an access's list */
    const char *class;       /* of an Objective-C object */
};
#define ALIVE 0x4c4b5221u
#define DEAD 0xdeadbeefu

static struct object *made(enum kind kind, const void *bytes, size_t size) {
    struct object *new = calloc(1, sizeof *new);
    new->magic = ALIVE;
    new->kind = kind;
    new->count = 1;
    new->size = size;
    if (bytes) {
        new->bytes = malloc(size + 1);
        memcpy(new->bytes, bytes, size);
        new->bytes[size] = 0;
    }
    counts()->objects++;
    return new;
}

static struct object *checked(CFTypeRef reference, enum kind kind, const char *function) {
    struct object *object = (struct object *)reference;
    if (!object || object->magic != ALIVE || (kind && object->kind != kind)) {
        note("errors", "%s was given %s", function,
             !object ? "NULL" : object->magic == DEAD ? "a released object" : object->magic != ALIVE ? "no object" : kinds[object->kind]);
        abort(); /* as CoreFoundation does, or worse */
    }
    counts()->calls++;
    return object;
}

/* CFBase.h: "CF_EXPORT CFTypeRef CFRetain(CFTypeRef cf)", "CF_EXPORT void CFRelease(CFTypeRef cf)"; NULL crashes. */
CFTypeRef CFRetain(CFTypeRef reference) {
    struct object *object = checked(reference, 0, "CFRetain");
    if (object->count > 0)
        object->count++;
    return reference;
}

void CFRelease(CFTypeRef reference) {
    struct object *object = checked(reference, 0, "CFRelease");
    if (object->count < 0 || --object->count)
        return;
    size_t entries = object->kind == DICTIONARY ? 2 * object->size : object->entries ? object->size : 0;
    if (object->kind == ITEM)
        entries = 1;
    for (size_t each = 0; each < entries; each++)
        if (object->entries[each])
            CFRelease(object->entries[each]);
    object->magic = DEAD; /* and never freed, so that a second release is seen */
    counts()->objects--;
}

/* ---- CoreFoundation ------------------------------------------------------------------------------------------------ */

#define UTF8 0x08000100u /* CFString.h: kCFStringEncodingUTF8 */

/* CFString.h: CFStringRef CFStringCreateWithBytes(CFAllocatorRef alloc, const UInt8 *bytes, CFIndex numBytes,
 * CFStringEncoding encoding, Boolean isExternalRepresentation); the Create Rule. NULL for bytes that are no UTF-8. */
CFTypeRef CFStringCreateWithBytes(CFTypeRef allocator, const uint8_t *bytes, CFIndex size, UInt32 encoding, Boolean external) {
    if (allocator || encoding != UTF8 || external || size < 0) {
        note("errors", "CFStringCreateWithBytes was given something unexpected");
        abort();
    }
    for (CFIndex each = 0; each < size; each++)
        if (bytes[each] == 0xff || bytes[each] == 0xfe)
            return NULL;
    return made(STRING, bytes, size);
}

/* CFString.h: Boolean CFStringGetCString(CFStringRef theString, char *buffer, CFIndex bufferSize, CFStringEncoding) */
Boolean CFStringGetCString(CFTypeRef reference, char *buffer, CFIndex size, UInt32 encoding) {
    struct object *string = checked(reference, STRING, "CFStringGetCString");
    if (encoding != UTF8 || (CFIndex)string->size + 1 > size)
        return 0;
    memcpy(buffer, string->bytes, string->size + 1);
    return 1;
}

/* CFString.h: CFIndex CFStringGetLength(CFStringRef theString), in UTF-16 units */
CFIndex CFStringGetLength(CFTypeRef reference) {
    struct object *string = checked(reference, STRING, "CFStringGetLength");
    CFIndex length = 0;
    for (size_t each = 0; each < string->size; each++)
        length += (string->bytes[each] & 0xc0) != 0x80 ? 1 + (string->bytes[each] >= 0xf0) : 0;
    return length;
}

/* CFArray.h, CFDictionary.h: structures whose address alone matters */
const int kCFTypeArrayCallBacks = 1, kCFTypeDictionaryKeyCallBacks = 1, kCFTypeDictionaryValueCallBacks = 1;

/* CFArray.h: CFArrayRef CFArrayCreate(CFAllocatorRef allocator, const void **values, CFIndex numValues,
 * const CFArrayCallBacks *callBacks); retains the values with these callbacks */
CFTypeRef CFArrayCreate(CFTypeRef allocator, const void **values, CFIndex count, const void *callbacks) {
    if (allocator || callbacks != &kCFTypeArrayCallBacks) {
        note("errors", "CFArrayCreate without its callbacks");
        abort();
    }
    struct object *array = made(ARRAY, NULL, count);
    array->entries = calloc(count + 1, sizeof(void *));
    for (CFIndex each = 0; each < count; each++)
        array->entries[each] = (struct object *)CFRetain(values[each]);
    return array;
}

/* CFArray.h: CFIndex CFArrayGetCount(CFArrayRef), const void *CFArrayGetValueAtIndex(CFArrayRef, CFIndex): Get Rule */
CFIndex CFArrayGetCount(CFTypeRef reference) { return checked(reference, ARRAY, "CFArrayGetCount")->size; }
const void *CFArrayGetValueAtIndex(CFTypeRef reference, CFIndex at) {
    struct object *array = checked(reference, ARRAY, "CFArrayGetValueAtIndex");
    if (at < 0 || at >= (CFIndex)array->size) {
        note("errors", "CFArrayGetValueAtIndex beyond the end");
        abort();
    }
    return array->entries[at];
}

/* CFDictionary.h: CFDictionaryRef CFDictionaryCreate(CFAllocatorRef, const void **keys, const void **values,
 * CFIndex numValues, const CFDictionaryKeyCallBacks *, const CFDictionaryValueCallBacks *) */
CFTypeRef CFDictionaryCreate(CFTypeRef allocator, const void **keys, const void **values, CFIndex count, const void *of_keys, const void *of_values) {
    if (allocator || of_keys != &kCFTypeDictionaryKeyCallBacks || of_values != &kCFTypeDictionaryValueCallBacks) {
        note("errors", "CFDictionaryCreate without its callbacks");
        abort();
    }
    struct object *dictionary = made(DICTIONARY, NULL, count);
    dictionary->entries = calloc(2 * count + 1, sizeof(void *));
    for (CFIndex each = 0; each < count; each++) {
        dictionary->entries[2 * each] = (struct object *)CFRetain(keys[each]);
        dictionary->entries[2 * each + 1] = (struct object *)CFRetain(values[each]);
    }
    return dictionary;
}

static int same(const struct object *one, const struct object *other) {
    return one == other || (one->kind == other->kind && one->bytes && other->bytes && one->size == other->size &&
                            !memcmp(one->bytes, other->bytes, one->size));
}

/* CFDictionary.h: const void *CFDictionaryGetValue(CFDictionaryRef theDict, const void *key): Get Rule */
const void *CFDictionaryGetValue(CFTypeRef reference, CFTypeRef key) {
    struct object *dictionary = checked(reference, DICTIONARY, "CFDictionaryGetValue");
    struct object *wanted = checked(key, 0, "CFDictionaryGetValue");
    for (size_t each = 0; each < dictionary->size; each++)
        if (same(dictionary->entries[2 * each], wanted))
            return dictionary->entries[2 * each + 1];
    return NULL;
}

#define CONSTANT(name, text) \
    static struct object name##_object = {ALIVE, STRING, -1, sizeof text - 1, (unsigned char *)text, NULL, NULL}; \
    const void *name = &name##_object
/* SecItem.h; the texts are those of OSX/sec/Security/SecItemConstants.c, and lkr must not rely on them */
CONSTANT(kSecClass, "class");
CONSTANT(kSecClassGenericPassword, "genp");
CONSTANT(kSecAttrService, "svce");
CONSTANT(kSecAttrAccount, "acct");
CONSTANT(kSecMatchLimit, "m_Limit");
CONSTANT(kSecMatchLimitAll, "m_LimitAll");
CONSTANT(kSecMatchSearchList, "m_SearchList");
CONSTANT(kSecReturnAttributes, "r_Attributes");
static struct object true_object = {ALIVE, BOOLEAN, -1, 0, NULL, NULL, NULL};
const void *kCFBooleanTrue = &true_object; /* CFNumber.h */

/* ---- keychains as text files ---------------------------------------------------------------------------------------- */

struct item {
    char *service, *account, *data; /* data in hex */
    char *trusted;                  /* the access list: "PATH CDHASH|…" */
    char *partitions;               /* "CDHASH|…": beside the access list, see securityd/src/acls.cpp */
    struct item *next;
};
struct file {
    char *password;
    unsigned sleep, interval; /* INT32_MAX: never by time */
    struct item *items;
};

static char *hex(const void *bytes, size_t size) {
    char *text = malloc(2 * size + 2);
    text[0] = '-', text[1] = 0; /* never an empty field */
    for (size_t each = 0; each < size; each++)
        sprintf(text + 2 * each, "%02x", ((const unsigned char *)bytes)[each]);
    return text;
}

static char *unhex(const char *text, size_t *size) {
    size_t length = strcmp(text, "-") ? strlen(text) / 2 : 0;
    char *bytes = malloc(length + 1);
    for (size_t each = 0; each < length; each++) {
        unsigned value;
        sscanf(text + 2 * each, "%2x", &value);
        bytes[each] = (char)value;
    }
    bytes[length] = 0;
    if (size)
        *size = length;
    return bytes;
}

static OSStatus load(const char *path, struct file *file) {
    memset(file, 0, sizeof *file);
    char *text = read_file(path);
    if (!text)
        return errSecNoSuchKeychain;
    char *rest = text, *line = strsep(&rest, "\n");
    if (strcmp(line, "stand-in keychain")) {
        free(text);
        return errSecInvalidKeychain;
    }
    struct item **last = &file->items;
    while ((line = strsep(&rest, "\n")) && *line) {
        char *word = strsep(&line, " ");
        if (!strcmp(word, "password"))
            file->password = unhex(line, NULL);
        else if (!strcmp(word, "settings"))
            sscanf(line, "%u %u", &file->sleep, &file->interval);
        else if (!strcmp(word, "item")) {
            struct item *item = calloc(1, sizeof *item);
            item->service = unhex(strsep(&line, " "), NULL);
            item->account = unhex(strsep(&line, " "), NULL);
            item->data = strdup(strsep(&line, " "));
            item->trusted = unhex(strsep(&line, " "), NULL);
            item->partitions = unhex(line, NULL);
            *last = item;
            last = &item->next;
        }
    }
    free(text);
    return file->password ? errSecSuccess : errSecInvalidKeychain;
}

static void store(const char *path, const struct file *file) {
    char temporary[4300];
    snprintf(temporary, sizeof temporary, "%s.%d", path, getpid());
    FILE *out = fopen(temporary, "w");
    if (!out)
        abort();
    fchmod(fileno(out), 0600);
    fprintf(out, "stand-in keychain\npassword %s\n", hex(file->password, strlen(file->password)));
    fprintf(out, "settings %u %u\n", file->sleep, file->interval);
    for (const struct item *each = file->items; each; each = each->next)
        fprintf(out, "item %s %s %s %s %s\n", hex(each->service, strlen(each->service)),
                hex(each->account, strlen(each->account)), each->data, hex(each->trusted, strlen(each->trusted)),
                hex(each->partitions, strlen(each->partitions)));
    fclose(out);
    rename(temporary, path);
}

static char *lock_file(const char *path) {
    char name[4200] = "unlocked/";
    mkdir(in_folder("unlocked"), 0700);
    for (size_t at = strlen(name), each = 0; path[each] && at < sizeof name - 1; each++, at++)
        name[at] = path[each] == '/' ? '%' : path[each];
    return in_folder(name);
}

static void open_up(const char *path, const struct file *file) {
    FILE *out = fopen(lock_file(path), "w");
    if (out) {
        fprintf(out, "%lld\n", file->interval != INT32_MAX ? (long long)time(NULL) + file->interval : 1LL << 40);
        fclose(out);
    }
}

/* A NULL keychain is the search list for a query and the default keychain for a new item (SecKeychain.h): here both are
 * the login keychain, which is open while the user is logged in. */
static CFTypeRef or_login(CFTypeRef reference) {
    static struct object login = {ALIVE, KEYCHAIN, -1, 0, NULL, NULL, NULL};
    static char path[4200];
    if (reference)
        return reference;
    snprintf(path, sizeof path, "%s/login.keychain-db", folder());
    login.bytes = (unsigned char *)path;
    if (access(path, F_OK)) {
        FILE *out = fopen(path, "w");
        if (!out)
            abort();
        fprintf(out, "stand-in keychain\npassword 2d\nsettings 0 2147483647\n");
        fclose(out);
    }
    struct file file = {.interval = INT32_MAX};
    open_up(path, &file);
    return &login;
}

static int is_open(const char *path) {
    char *text = read_file(lock_file(path));
    int open = text && atoll(text) > time(NULL);
    free(text);
    return open;
}

static Boolean interaction = 1;

static const char *self(void) {
    static char text[4200];
    const char *given = getenv("LKR_STANDIN_SELF");
    if (given)
        return given;
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    struct stat info;
    if (size < 0 || stat("/proc/self/exe", &info))
        abort();
    path[size] = 0;
    snprintf(text, sizeof text, "%s %llx", path, (unsigned long long)(info.st_size ^ info.st_mtime));
    return text;
}

static int lists(const char *list, const char *who) {
    size_t size = strlen(who);
    for (const char *at = list; (at = strstr(at, who)); at += size)
        if ((at == list || at[-1] == '|') && (at[size] == 0 || at[size] == '|'))
            return 1;
    return 0;
}

static char *with(const char *list, const char *more) {
    char *both = malloc(strlen(list) + strlen(more) + 2);
    sprintf(both, "%s%s%s", list, *list ? "|" : "", more);
    return both;
}

/* securityd/src/clientid.cpp: programs that are signed by nobody in particular are each a partition of their own */
static const char *partition(void) { return strrchr(self(), ' ') + 1; }

/* What a dialog ends with. Without interaction, or without a desktop, there is none. */
static OSStatus ask(const char *what, const char *subject) {
    if (!interaction || switched("no-gui"))
        return errSecInteractionNotAllowed;
    note("dialogs", "%s %s", what, subject);
    const char *answer = switched("answer");
    if (answer && (!strcmp(answer, "allow") || !strcmp(answer, "always")))
        return errSecSuccess;
    return answer && !strcmp(answer, "deny") ? errSecAuthFailed : errSecUserCanceled;
}

/* SecKeychain.h: OSStatus SecKeychainSetUserInteractionAllowed(Boolean state) */
OSStatus SecKeychainSetUserInteractionAllowed(Boolean state) {
    counts()->calls++;
    interaction = state;
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainGetUserInteractionAllowed(Boolean *state) */
OSStatus SecKeychainGetUserInteractionAllowed(Boolean *state) {
    counts()->calls++;
    *state = interaction;
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainOpen(const char *pathName, SecKeychainRef *keychain): CF_RETURNS_RETAINED;
 * "this function does not check" that there is one */
OSStatus SecKeychainOpen(const char *path, CFTypeRef *keychain) {
    OSStatus status;
    if (fails("SecKeychainOpen", &status))
        return status;
    *keychain = made(KEYCHAIN, path, strlen(path));
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainCreate(const char *pathName, UInt32 passwordLength, const void *password,
 * Boolean promptUser, SecAccessRef initialAccess, SecKeychainRef *keychain): CF_RETURNS_RETAINED. Unlocked afterwards. */
OSStatus SecKeychainCreate(const char *path, UInt32 size, const void *password, Boolean prompt, CFTypeRef access, CFTypeRef *keychain) {
    OSStatus status;
    if (fails("SecKeychainCreate", &status))
        return status;
    if (prompt || access || !password)
        return errSecParam;
    if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
        return errSecDuplicateKeychain;
    struct file file = {strndup(password, size), 0, 300, NULL};
    store(path, &file);
    open_up(path, &file);
    note("searchlist", "%s", path); /* StorageManager::created may add it; where it does, lkr has to take it out */
    *keychain = made(KEYCHAIN, path, strlen(path));
    return errSecSuccess;
}

struct SecKeychainSettings { /* SecKeychain.h; SEC_KEYCHAIN_SETTINGS_VERS1 is 1 */
    UInt32 version;
    Boolean lockOnSleep, useLockInterval;
    UInt32 lockInterval;
};

/* SecKeychain.h: OSStatus SecKeychainSetSettings(SecKeychainRef, const SecKeychainSettings *),
 * OSStatus SecKeychainCopySettings(SecKeychainRef, SecKeychainSettings *outSettings) whose version the caller sets.
 * Neither looks at useLockInterval (OSX/libsecurity_keychain/lib/SecKeychain.cpp). */
OSStatus SecKeychainSetSettings(CFTypeRef reference, const struct SecKeychainSettings *settings) {
    struct object *keychain = checked(reference, KEYCHAIN, "SecKeychainSetSettings");
    struct file file;
    OSStatus status = load((char *)keychain->bytes, &file);
    if (status)
        return status;
    if (settings->version != 1)
        return errSecParam;
    if (!is_open((char *)keychain->bytes) && (status = ask("unlock", (char *)keychain->bytes)))
        return status;
    file.sleep = settings->lockOnSleep;
    file.interval = settings->lockInterval;
    store((char *)keychain->bytes, &file);
    open_up((char *)keychain->bytes, &file);
    return errSecSuccess;
}

OSStatus SecKeychainCopySettings(CFTypeRef reference, struct SecKeychainSettings *settings) {
    struct object *keychain = checked(reference, KEYCHAIN, "SecKeychainCopySettings");
    struct file file;
    OSStatus status = load((char *)keychain->bytes, &file);
    if (status)
        return status;
    if (settings->version != 1)
        return errSecParam;
    settings->lockOnSleep = file.sleep;
    settings->lockInterval = file.interval;
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainGetStatus(SecKeychainRef, SecKeychainStatus *): kSecUnlockStateStatus 1,
 * kSecReadPermStatus 2, kSecWritePermStatus 4 */
OSStatus SecKeychainGetStatus(CFTypeRef reference, UInt32 *result) {
    struct object *keychain = checked(reference, KEYCHAIN, "SecKeychainGetStatus");
    struct file file;
    OSStatus status;
    if (fails("SecKeychainGetStatus", &status) || (status = load((char *)keychain->bytes, &file)))
        return status;
    *result = 2 | 4 | is_open((char *)keychain->bytes);
    return errSecSuccess;
}

static OSStatus unlock_by_dialog(const char *path, const struct file *file) {
    if (!interaction || switched("no-gui"))
        return errSecInteractionNotAllowed;
    note("dialogs", "unlock %s", path);
    const char *typed = switched("unlock");
    if (!typed)
        return errSecUserCanceled;
    if (strcmp(typed, file->password))
        return errSecAuthFailed;
    open_up(path, file);
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainUnlock(SecKeychainRef, UInt32 passwordLength, const void *password,
 * Boolean usePassword): FALSE, and the system asks */
OSStatus SecKeychainUnlock(CFTypeRef reference, UInt32 size, const void *password, Boolean use) {
    struct object *keychain = checked(reference, KEYCHAIN, "SecKeychainUnlock");
    const char *path = (char *)keychain->bytes;
    struct file file;
    OSStatus status;
    if (fails("SecKeychainUnlock", &status) || (status = load(path, &file)))
        return status;
    if (!use)
        return is_open(path) ? errSecSuccess : unlock_by_dialog(path, &file);
    if (size != strlen(file.password) || memcmp(password, file.password, size))
        return errSecAuthFailed;
    open_up(path, &file);
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainLock(SecKeychainRef keychain) */
OSStatus SecKeychainLock(CFTypeRef reference) {
    struct object *keychain = checked(reference, KEYCHAIN, "SecKeychainLock");
    struct file file;
    OSStatus status = load((char *)keychain->bytes, &file);
    if (!status)
        unlink(lock_file((char *)keychain->bytes));
    return status;
}

/* CFBase.h: Boolean CFEqual(CFTypeRef cf1, CFTypeRef cf2) */
Boolean CFEqual(CFTypeRef one, CFTypeRef other) {
    return same(checked(one, 0, "CFEqual"), checked(other, 0, "CFEqual"));
}

/* SecKeychain.h: OSStatus SecKeychainCopySearchList(CFArrayRef *searchList): CF_RETURNS_RETAINED;
 * OSStatus SecKeychainSetSearchList(CFArrayRef searchList). Kept in the file `searchlist`, a path a line. */
OSStatus SecKeychainCopySearchList(CFTypeRef *list) {
    struct object *all = made(ARRAY, NULL, 0);
    char *text = read_file(in_folder("searchlist"));
    for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));)
        if (*line) {
            all->entries = realloc(all->entries, (all->size + 1) * sizeof(void *));
            all->entries[all->size++] = made(KEYCHAIN, line, strlen(line));
        }
    free(text);
    *list = all;
    return errSecSuccess;
}

OSStatus SecKeychainSetSearchList(CFTypeRef reference) {
    struct object *list = checked(reference, ARRAY, "SecKeychainSetSearchList");
    unlink(in_folder("searchlist"));
    for (size_t each = 0; each < list->size; each++)
        note("searchlist", "%s", checked(list->entries[each], KEYCHAIN, "SecKeychainSetSearchList")->bytes);
    return errSecSuccess;
}

/* ---- items ------------------------------------------------------------------------------------------------------------ */

static struct item *found(struct file *file, const char *service, const char *account) {
    struct item *item = file->items;
    while (item && (strcmp(item->service, service) || strcmp(item->account, account)))
        item = item->next;
    return item;
}

static struct object *item_object(struct object *keychain, const char *service, const char *account) {
    char both[2200];
    int size = snprintf(both, sizeof both, "%s%c%s", service, 0, account);
    struct object *item = made(ITEM, both, size);
    item->entries = calloc(1, sizeof(void *));
    item->entries[0] = (struct object *)CFRetain(keychain);
    return item;
}

static const char *service_of(const struct object *item) { return (char *)item->bytes; }
static const char *account_of(const struct object *item) { return (char *)item->bytes + strlen((char *)item->bytes) + 1; }
static const char *path_of(const struct object *item) { return (char *)item->entries[0]->bytes; }

/* May the caller read the item? It has to be on the access list and in one of the item's partitions. If not, a Mac asks
 * where it may; "Always Allow" adds it to both (securityd/src/acl_keychain.cpp). */
static OSStatus access_to(const char *path, struct file *file, struct item *item) {
    OSStatus status;
    if (!is_open(path) && (status = unlock_by_dialog(path, file)))
        return status;
    if (!lists(item->trusted, self()) || !lists(item->partitions, partition())) {
        if ((status = ask("allow", item->account)))
            return status;
        const char *answer = switched("answer");
        if (answer && !strcmp(answer, "always")) {
            item->trusted = with(item->trusted, self());
            item->partitions = with(item->partitions, partition());
            store(path, file);
        }
    }
    struct stat info; /* each use starts the time anew: securityd's KeychainDbCommon::activity */
    if (stat(lock_file(path), &info) || info.st_mtime != time(NULL))
        open_up(path, file);
    return errSecSuccess;
}

static void *buffer(const char *text, UInt32 *size) {
    size_t length;
    char *plain = unhex(text, &length), *block = malloc(length + 8);
    memcpy(block, "lkrbuff", 8);
    memcpy(block + 8, plain, length);
    free(plain);
    *size = (UInt32)length;
    counts()->buffers++;
    return block + 8;
}

/* SecKeychainItem.h: OSStatus SecKeychainItemFreeContent(SecKeychainAttributeList *attrList, void *data) */
OSStatus SecKeychainItemFreeContent(void *attributes, void *data) {
    counts()->calls++;
    if (attributes || !data)
        return errSecSuccess;
    if (memcmp((char *)data - 8, "lkrbuff", 8)) {
        note("errors", "SecKeychainItemFreeContent was given what is not its own, or a second time");
        abort();
    }
    memcpy((char *)data - 8, "freed..", 8);
    counts()->buffers--;
    return errSecSuccess;
}

/* SecKeychain.h: OSStatus SecKeychainFindGenericPassword(CFTypeRef keychainOrArray, UInt32 serviceNameLength,
 * const char *serviceName, UInt32 accountNameLength, const char *accountName, UInt32 *passwordLength,
 * void **passwordData, SecKeychainItemRef *itemRef): CF_RETURNS_RETAINED; the data is for SecKeychainItemFreeContent */
OSStatus SecKeychainFindGenericPassword(CFTypeRef reference, UInt32 service_size, const char *service_bytes, UInt32 account_size, const char *account_bytes, UInt32 *size, void **data, CFTypeRef *item_out) {
    struct object *keychain = checked(or_login(reference), KEYCHAIN, "SecKeychainFindGenericPassword");
    const char *path = (char *)keychain->bytes;
    char *service = strndup(service_bytes, service_size), *account = strndup(account_bytes, account_size);
    struct file file;
    OSStatus status;
    if (fails("SecKeychainFindGenericPassword", &status) || (status = load(path, &file)))
        return status;
    struct item *item = found(&file, service, account);
    if (!item)
        return errSecItemNotFound;
    if (data && (status = access_to(path, &file, item)))
        return status;
    if (data)
        *data = buffer(item->data, size);
    if (item_out)
        *item_out = item_object(keychain, service, account);
    return errSecSuccess;
}

struct SecKeychainAttribute { /* SecKeychainItem.h (SecBase.h): FourCharCode tag, UInt32 length, void *data */
    UInt32 tag, length;
    void *data;
};
struct SecKeychainAttributeList {
    UInt32 count;
    struct SecKeychainAttribute *attr;
};
#define CODE(a, b, c, d) ((UInt32)(a) << 24 | (UInt32)(b) << 16 | (UInt32)(c) << 8 | (UInt32)(d))

static char *joined(const struct object *list) { /* "PATH CDHASH|…" of an array of applications */
    char *text = calloc(1, 1);
    for (size_t each = 0; each < list->size; each++) {
        const struct object *one = checked(list->entries[each], APPLICATION, "an access list");
        text = realloc(text, strlen(text) + one->size + 2);
        if (each)
            strcat(text, "|");
        strcat(text, (char *)one->bytes);
    }
    return text;
}

/* SecKeychainItem.h: OSStatus SecKeychainItemCreateFromContent(SecItemClass itemClass, SecKeychainAttributeList *,
 * UInt32 length, const void *data, SecKeychainRef, SecAccessRef initialAccess, SecKeychainItemRef *itemRef) */
OSStatus SecKeychainItemCreateFromContent(UInt32 class, struct SecKeychainAttributeList *list, UInt32 length, const void *data, CFTypeRef reference, CFTypeRef access, CFTypeRef *item_out) {
    struct object *keychain = checked(or_login(reference), KEYCHAIN, "SecKeychainItemCreateFromContent");
    const char *path = (char *)keychain->bytes;
    struct item *item = calloc(1, sizeof *item);
    struct file file;
    OSStatus status;
    if (fails("SecKeychainItemCreateFromContent", &status) || (status = load(path, &file)))
        return status;
    if (class != CODE('g', 'e', 'n', 'p'))
        return errSecParam;
    for (UInt32 each = 0; each < list->count; each++) {
        char *text = strndup(list->attr[each].data, list->attr[each].length);
        if (list->attr[each].tag == CODE('s', 'v', 'c', 'e'))
            item->service = text;
        else if (list->attr[each].tag == CODE('a', 'c', 'c', 't'))
            item->account = text;
        else if (list->attr[each].tag != CODE('l', 'a', 'b', 'l'))
            return errSecParam;
    }
    if (!item->service || !item->account)
        return errSecParam;
    if (!is_open(path) && (status = unlock_by_dialog(path, &file)))
        return status;
    if (found(&file, item->service, item->account))
        return errSecDuplicateItem;
    item->data = hex(data, length);
    item->trusted = access ? joined(checked(access, ACCESS, "SecKeychainItemCreateFromContent")->entries[0]) : strdup(self());
    item->partitions = strdup(partition());
    item->next = file.items;
    file.items = item;
    store(path, &file);
    if (item_out)
        *item_out = item_object(keychain, item->service, item->account);
    return errSecSuccess;
}

/* SecKeychainItem.h: OSStatus SecKeychainItemModifyContent(SecKeychainItemRef, const SecKeychainAttributeList *,
 * UInt32 length, const void *data); its access list stays. Every program may encrypt, but only in the item's
 * partitions, and for that nobody is asked (securityd/src/acls.cpp). */
OSStatus SecKeychainItemModifyContent(CFTypeRef reference, const void *attributes, UInt32 length, const void *data) {
    struct object *object = checked(reference, ITEM, "SecKeychainItemModifyContent");
    struct file file;
    OSStatus status;
    if (fails("SecKeychainItemModifyContent", &status) || (status = load(path_of(object), &file)))
        return status;
    struct item *item = found(&file, service_of(object), account_of(object));
    if (attributes || !item)
        return item ? errSecParam : errSecItemNotFound;
    if (!is_open(path_of(object)) && (status = unlock_by_dialog(path_of(object), &file)))
        return status;
    if (!lists(item->partitions, partition()))
        return errSecAuthFailed;
    item->data = hex(data, length);
    store(path_of(object), &file);
    return errSecSuccess;
}

/* SecKeychainItem.h: OSStatus SecKeychainItemDelete(SecKeychainItemRef itemRef) */
OSStatus SecKeychainItemDelete(CFTypeRef reference) {
    struct object *object = checked(reference, ITEM, "SecKeychainItemDelete");
    struct file file;
    OSStatus status;
    if (fails("SecKeychainItemDelete", &status) || (status = load(path_of(object), &file)))
        return status;
    for (struct item **each = &file.items; *each; each = &(*each)->next)
        if (!strcmp((*each)->service, service_of(object)) && !strcmp((*each)->account, account_of(object))) {
            *each = (*each)->next;
            store(path_of(object), &file);
            return errSecSuccess;
        }
    return errSecItemNotFound;
}

/* SecItem.h: OSStatus SecItemCopyMatching(CFDictionaryRef query, CFTypeRef *result): Create Rule. Apple's
 * OSX/libsecurity_keychain/lib/SecItem.cpp refuses data of several passwords at once (errSecReturnDataUnsupported). */
OSStatus SecItemCopyMatching(CFTypeRef query, CFTypeRef *result) {
    OSStatus status;
    struct file file;
    checked(query, DICTIONARY, "SecItemCopyMatching");
    if (fails("SecItemCopyMatching", &status))
        return status;
    const struct object *list = CFDictionaryGetValue(query, kSecMatchSearchList);
    const struct object *service = CFDictionaryGetValue(query, kSecAttrService);
    if (!list || !service || CFDictionaryGetValue(query, kSecClass) != kSecClassGenericPassword ||
        CFDictionaryGetValue(query, kSecReturnAttributes) != kCFBooleanTrue ||
        CFDictionaryGetValue(query, kSecMatchLimit) != kSecMatchLimitAll || list->size != 1)
        return errSecParam;
    if ((status = load((char *)list->entries[0]->bytes, &file)))
        return status;
    struct object *all = made(ARRAY, NULL, 0);
    for (struct item *each = file.items; each; each = each->next) {
        if (strcmp(each->service, (char *)service->bytes))
            continue;
        CFTypeRef account = made(STRING, each->account, strlen(each->account));
        const void *keys[] = {kSecAttrAccount}, *values[] = {account};
        all->entries = realloc(all->entries, (all->size + 1) * sizeof(void *));
        all->entries[all->size++] = (struct object *)CFDictionaryCreate(NULL, keys, values, 1, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
        CFRelease(account);
    }
    if (!all->size) {
        CFRelease(all);
        return errSecItemNotFound;
    }
    *result = all;
    return errSecSuccess;
}

/* ---- access lists ------------------------------------------------------------------------------------------------------ */

/* SecTrustedApplication.h: OSStatus SecTrustedApplicationCreateFromPath(const char *path, SecTrustedApplicationRef *app):
 * CF_RETURNS_RETAINED; "Pass NULL to refer to yourself" */
OSStatus SecTrustedApplicationCreateFromPath(const char *path, CFTypeRef *application) {
    OSStatus status;
    if (fails("SecTrustedApplicationCreateFromPath", &status))
        return status;
    if (path)
        return errSecParam; /* lkr names nobody but itself */
    *application = made(APPLICATION, self(), strlen(self()));
    return errSecSuccess;
}

/* SecAccess.h: OSStatus SecAccessCreate(CFStringRef descriptor, CFArrayRef trustedlist, SecAccessRef *): retained */
OSStatus SecAccessCreate(CFTypeRef descriptor, CFTypeRef list, CFTypeRef *access) {
    checked(descriptor, STRING, "SecAccessCreate");
    checked(list, ARRAY, "SecAccessCreate");
    struct object *new = made(ACCESS, NULL, 1);
    new->entries = calloc(1, sizeof(void *));
    new->entries[0] = (struct object *)CFRetain(list);
    *access = new;
    return errSecSuccess;
}

/* ---- the Objective-C runtime: LAContext, NSError, NSPasteboard ------------------------------------------------------------ */

/* objc/runtime.h: Class objc_getClass(const char *name), SEL sel_registerName(const char *str) */
static struct object classes[2] = {{ALIVE, OBJECT, -1, 0, NULL, NULL, "LAContext"}, {ALIVE, OBJECT, -1, 0, NULL, NULL, "NSPasteboard"}};
static struct object pasteboard = {ALIVE, OBJECT, -1, 0, NULL, NULL, "the pasteboard"};

void *objc_getClass(const char *name) {
    counts()->calls++;
    for (int each = 0; each < 2; each++)
        if (!strcmp(classes[each].class, name))
            return &classes[each];
    return NULL;
}

void *sel_registerName(const char *name) { return strdup(name); }

/* objc/objc-internal.h (exported, used by every ARC program): push and pop of the autorelease pool */
static struct object *pool[64];
static int in_pool, pools;
void *objc_autoreleasePoolPush(void) { return pools++, (void *)(intptr_t)(in_pool + 1); }
void objc_autoreleasePoolPop(void *mark) {
    for (pools--; in_pool > (int)(intptr_t)mark - 1;)
        CFRelease(pool[--in_pool]);
}
static void *autoreleased(struct object *object) {
    if (!pools)
        note("errors", "an object was autoreleased without a pool");
    return pool[in_pool++] = object;
}

/* Block ABI, https://clang.llvm.org/docs/Block-ABI-Apple.html */
struct block {
    void *isa;
    int flags, reserved;
    void (*invoke)(struct block *, signed char, void *);
    struct {
        unsigned long reserved, size;
    } *descriptor;
};
void *_NSConcreteGlobalBlock[32];

static void *reply(void *given) { /* "on a private queue internal to the framework in an unspecified threading context" */
    struct block *block = given;
    const char *touch = switched("touch");
    usleep(20000);
    /* LAPublicDefines.h: kLAErrorAuthenticationFailed -1, UserCancel -2, PasscodeNotSet -5, BiometryLockout -8,
     * NotInteractive -1004 */
    long code = switched("no-gui") ? -1004 : !touch || !strcmp(touch, "cancel") ? -2 : !strcmp(touch, "failed") ? -1
                : !strcmp(touch, "none") ? -5 : !strcmp(touch, "lockout") ? -8 : 0;
    struct object *error = NULL;
    if (code) {
        error = made(OBJECT, NULL, (size_t)code);
        error->class = "NSError";
        counts()->objects--; /* it is ours, and stays: the caller may end before this thread does */
    }
    block->invoke(block, code == 0, error);
    return NULL;
}

/* objc/message.h: objc_msgSend is cast to the method's own type by its caller. LAContext.h: evaluatePolicy:
 * localizedReason:reply: (void), (LAPolicy = NSInteger, NSString *, block), LAPolicyDeviceOwnerAuthentication 2.
 * NSPasteboard.h: + generalPasteboard, - clearContents (NSInteger), - prepareForNewContentsWithOptions: (NSInteger),
 * - setString:forType: (BOOL), - stringForType:, - changeCount (NSInteger). NSError.h: - code (NSInteger). CFStringRef
 * and NSString * are toll-free bridged. */
void *objc_msgSend(void *receiver, const char *selector, void *one, void *two, void *three) {
    struct object *object = checked(receiver, 0, selector);
    if (object == &classes[0] && !strcmp(selector, "alloc")) {
        struct object *new = made(OBJECT, NULL, 0);
        new->class = "LAContext";
        return new;
    }
    if (!strcmp(selector, "init"))
        return object;
    if (!strcmp(selector, "release"))
        return CFRelease(object), NULL;
    if (object->class && !strcmp(object->class, "NSError") && !strcmp(selector, "code"))
        return (void *)(intptr_t)object->size;
    if (object->class && !strcmp(object->class, "LAContext") && !strcmp(selector, "evaluatePolicy:localizedReason:reply:")) {
        struct block *block = three;
        struct object *reason = checked(two, STRING, selector);
        if ((long)(intptr_t)one != 2 || !reason->size || block->isa != _NSConcreteGlobalBlock || !(block->flags & 1 << 28) || block->descriptor->size != sizeof *block) {
            note("errors", "evaluatePolicy was given something unexpected");
            abort();
        }
        if (!switched("no-gui"))
            note("dialogs", "authenticate %s", reason->bytes);
        pthread_t thread;
        pthread_create(&thread, NULL, reply, block);
        pthread_detach(thread);
        return NULL;
    }
    if (object == &classes[1] && !strcmp(selector, "generalPasteboard"))
        return switched("no-gui") ? NULL : &pasteboard;
    if (object == &pasteboard) {
        char *text = read_file(in_folder("pasteboard")); /* CHANGES, then "TYPE HEX" a line */
        long changes = text ? atol(text) : 0;
        void *answer = NULL;
        int prepares = !strcmp(selector, "prepareForNewContentsWithOptions:");
        if (!strcmp(selector, "clearContents") || prepares) {
            FILE *out = fopen(in_folder("pasteboard"), "w");
            fprintf(out, "%ld\n", ++changes);
            fclose(out);
            if (prepares && (uintptr_t)one == 1) /* NSPasteboardContentsCurrentHostOnly */
                note("pasteboard", "this-host-only -");
            answer = (void *)changes;
        } else if (!strcmp(selector, "changeCount"))
            answer = (void *)changes;
        else if (!strcmp(selector, "setString:forType:")) {
            struct object *string = checked(one, STRING, selector), *type = checked(two, STRING, selector);
            note("pasteboard", "%s %s", type->bytes, hex(string->bytes, string->size));
            answer = (void *)1;
        } else if (!strcmp(selector, "stringForType:")) {
            struct object *type = checked(one, STRING, selector);
            for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));)
                if (!strncmp(line, (char *)type->bytes, type->size) && line[type->size] == ' ') {
                    size_t size;
                    char *plain = unhex(line + type->size + 1, &size);
                    answer = autoreleased(made(STRING, plain, size));
                    free(plain);
                    break;
                }
        } else
            note("errors", "no method %s", selector);
        free(text);
        return answer;
    }
    note("errors", "no method %s", selector);
    abort();
}

/* ---- processes ------------------------------------------------------------------------------------------------------------- */

struct proc_bsdinfo { /* sys/proc_info.h; MAXCOMLEN is 16 */
    uint32_t pbi_flags, pbi_status, pbi_xstatus, pbi_pid, pbi_ppid, pbi_uid, pbi_gid, pbi_ruid, pbi_rgid, pbi_svuid, pbi_svgid, rfu_1;
    char pbi_comm[16], pbi_name[32];
    uint32_t pbi_nfiles, pbi_pgid, pbi_pjobc, e_tdev, e_tpgid;
    int32_t pbi_nice;
    uint64_t pbi_start_tvsec, pbi_start_tvusec;
};

static char *of_process(int pid, const char *name, size_t *size) {
    static char *data;
    char path[64];
    if (!data)
        data = malloc(1 << 20);
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t got, all = 0;
    while ((got = read(fd, data + all, (1 << 20) - 1 - all)) > 0)
        all += got;
    close(fd);
    data[all] = 0;
    *size = all;
    return data;
}

struct proc_fdinfo { /* sys/proc_info.h */
    int32_t proc_fd;
    uint32_t proc_fdtype; /* PROX_FDTYPE_VNODE 1, PROX_FDTYPE_SOCKET 2 */
};
struct proc_vnodepathinfo { /* two of struct vnode_info_path: struct vnode_info, 152 bytes, and a path */
    struct {
        char vip_vi[152], vip_path[1024];
    } pvi_cdir, pvi_rdir;
};

static int bsd_info(int pid, void *out) {
    struct proc_bsdinfo info = {0};
    size_t length;
    char *stat = of_process(pid, "stat", &length), path[64], program[4096];
    if (!stat)
        return errno = ESRCH, 0;
    char *end = strrchr(stat, ')'), state;
    int parent, group, terminal;
    unsigned long long start;
    if (sscanf(end + 2, "%c %d %d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &parent,
               &group, &terminal, &start) != 5 || state == 'Z')
        return errno = ESRCH, 0;
    /* the name is the program's that was loaded: for a script its interpreter's, unlike Linux's */
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t got = readlink(path, program, sizeof program - 1);
    *end = 0;
    const char *name = strchr(stat, '(') + 1;
    if (got > 0) {
        program[got] = 0;
        name = strrchr(program, '/') + 1;
    }
    struct stat owner;
    snprintf(path, sizeof path, "/proc/%d", pid);
    info.pbi_flags = terminal ? 0x80 : 0; /* PROC_FLAG_CONTROLT */
    info.pbi_pid = pid;
    info.pbi_ppid = parent;
    info.pbi_pgid = group;
    info.pbi_uid = info.pbi_ruid = info.pbi_svuid = lstat(path, &owner) ? ~0u : owner.st_uid;
    info.pbi_start_tvsec = start / 100;
    info.pbi_start_tvusec = start % 100 * 10000;
    snprintf(info.pbi_comm, sizeof info.pbi_comm, "%s", name);
    snprintf(info.pbi_name, sizeof info.pbi_name, "%s", name);
    memcpy(out, &info, sizeof info);
    return sizeof info;
}

static int list_files(int pid, struct proc_fdinfo *out, int size) {
    char path[64], link[64], file[400];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    for (struct dirent *each; folder && (each = readdir(folder));) {
        snprintf(file, sizeof file, "%s/%s", path, each->d_name);
        ssize_t got = readlink(file, link, sizeof link - 1);
        if (got < 0 || (count + 1) * (int)sizeof *out > size)
            continue;
        link[got] = 0;
        out[count].proc_fd = atoi(each->d_name);
        out[count++].proc_fdtype = strncmp(link, "socket:", 7) ? 1 : 2;
    }
    if (!folder)
        return errno = errno == EACCES ? EPERM : ESRCH, 0;
    closedir(folder);
    return count * (int)sizeof *out;
}

struct proc_bsdshortinfo { /* sys/proc_info.h */
    uint32_t pbsi_pid, pbsi_ppid, pbsi_pgid, pbsi_status;
    char pbsi_comm[16];
    uint32_t pbsi_flags, pbsi_uid, pbsi_gid, pbsi_ruid, pbsi_rgid, pbsi_svuid, pbsi_svgid, pbsi_rfu;
};

static int short_info(int pid, struct proc_bsdshortinfo *out) {
    struct proc_bsdinfo info;
    if (!bsd_info(pid, &info))
        return 0;
    *out = (struct proc_bsdshortinfo){.pbsi_pid = pid, .pbsi_ppid = info.pbi_ppid, .pbsi_pgid = info.pbi_pgid,
                                      .pbsi_flags = info.pbi_flags, .pbsi_uid = info.pbi_uid, .pbsi_ruid = info.pbi_ruid};
    memcpy(out->pbsi_comm, info.pbi_comm, 15);
    return sizeof *out;
}

/* The word `others=NAME` in `switch` makes programs of this name count as another user's. */
static int is_anothers(int pid) {
    struct proc_bsdinfo info;
    const char *name = switched("others");
    return name && bsd_info(pid, &info) && !strcmp(info.pbi_name, name);
}

/* libproc.h: int proc_pidinfo(int pid, int flavor, uint64_t arg, void *buffer, int buffersize): bytes written, or 0 and
 * errno. PROC_PIDT_SHORTBSDINFO is 13 and answers for any user's processes, PROC_PIDTBSDINFO 3, PROC_PIDLISTFDS 1 and
 * PROC_PIDVNODEPATHINFO 9 for this user's (xnu, bsd/kern/proc_info.c). A list that does not fit is cut. */
int proc_pidinfo(int pid, int flavor, uint64_t argument, void *out, int size) {
    counts()->calls++;
    if (!argument && flavor == 13 && size >= (int)sizeof(struct proc_bsdshortinfo))
        return short_info(pid, out);
    if (is_anothers(pid))
        return errno = EPERM, 0;
    if (!argument && flavor == 3 && size >= (int)sizeof(struct proc_bsdinfo))
        return bsd_info(pid, out);
    if (!argument && flavor == 1)
        return list_files(pid, out, size);
    if (!argument && flavor == 9 && size >= (int)sizeof(struct proc_vnodepathinfo)) {
        struct proc_vnodepathinfo *info = memset(out, 0, sizeof *info);
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/cwd", pid);
        return readlink(path, info->pvi_cdir.vip_path, 1023) < 0 ? errno = EPERM, 0 : (int)sizeof *info;
    }
    return errno = EINVAL, 0;
}

/* libproc.h: int proc_listpids(uint32_t type, uint32_t typeinfo, void *buffer, int buffersize): bytes written.
 * PROC_PPID_ONLY is 6. */
int proc_listpids(uint32_t type, uint32_t parent, void *out, int size) {
    struct proc_bsdinfo info;
    int count = 0, *pids = out;
    if (type != 6)
        return errno = EINVAL, 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *each; folder && (each = readdir(folder));) {
        int pid = atoi(each->d_name);
        if (pid > 0 && (count + 1) * (int)sizeof pid <= size && bsd_info(pid, &info) && info.pbi_ppid == parent)
            pids[count++] = pid;
    }
    if (folder)
        closedir(folder);
    return count * (int)sizeof *pids;
}

struct in_sockinfo { /* sys/proc_info.h; ports in network order */
    int insi_fport, insi_lport;
    uint64_t insi_gencnt;
    uint32_t insi_flags, insi_flow;
    uint8_t insi_vflag, insi_ip_ttl; /* INI_IPV4 1, INI_IPV6 2 */
    uint32_t rfu_1;
    uint32_t insi_faddr[4], insi_laddr[4]; /* an IPv4 address is the last of the four */
    unsigned char in4_tos, in6_hlim;
    int in6_cksum;
    unsigned short in6_ifindex;
    short in6_hops;
};
struct socket_fdinfo {
    struct { /* struct proc_fileinfo */
        uint32_t fi_openflags, fi_status;
        int64_t fi_offset;
        int32_t fi_type;
        uint32_t fi_guardflags;
    } pfi;
    struct { /* struct socket_info */
        char soi_stat[136];
        uint64_t soi_so, soi_pcb;
        int soi_type, soi_protocol, soi_family;
        short soi_options, soi_linger, soi_state, soi_qlen, soi_incqlen, soi_qlimit, soi_timeo;
        unsigned short soi_error;
        uint32_t soi_oobmark;
        char soi_rcv[24], soi_snd[24];
        int soi_kind; /* SOCKINFO_TCP 2, SOCKINFO_UN 3 */
        uint32_t rfu_1;
        union {
            struct in_sockinfo pri_tcp;
            char pri_un[528];
        } soi_proto;
    } psi;
};
_Static_assert(sizeof(struct in_sockinfo) == 80 && sizeof(struct socket_fdinfo) == 792, "as on macOS");

/* Finds a socket in /proc/net/tcp or tcp6 by its inode. */
static int fill(const char *table, unsigned long inode, struct in_sockinfo *info) {
    char *text = read_stream(table), here[40], there[40];
    unsigned local, remote;
    unsigned long one;
    int found = 0, words = strstr(table, "tcp6") ? 4 : 1;
    for (char *rest = text, *line; rest && !found && (line = strsep(&rest, "\n"));)
        if (sscanf(line, " %*d: %39[0-9A-F]:%x %39[0-9A-F]:%x %*x %*s %*s %*s %*d %*d %lu", here, &local, there, &remote,
                   &one) == 5 && one == inode) {
            for (int each = 0; each < words; each++) {
                sscanf(here + 8 * each, "%8x", &info->insi_laddr[4 - words + each]);
                sscanf(there + 8 * each, "%8x", &info->insi_faddr[4 - words + each]);
            }
            info->insi_lport = htons(local);
            info->insi_fport = htons(remote);
            info->insi_vflag = words == 1 ? 1 : 2;
            found = 1;
        }
    free(text);
    return found;
}

/* libproc.h: int proc_pidfdinfo(int pid, int fd, int flavor, void *buffer, int buffersize). PROC_PIDFDSOCKETINFO is 3. */
int proc_pidfdinfo(int pid, int fd, int flavor, void *out, int size) {
    char path[64], link[64];
    struct socket_fdinfo *info = out;
    counts()->calls++;
    if (flavor != 3 || size < (int)sizeof *info)
        return errno = EINVAL, 0;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    ssize_t got = readlink(path, link, sizeof link - 1);
    if (got < 0)
        return errno = errno == EACCES ? EPERM : EBADF, 0;
    link[got] = 0;
    if (strncmp(link, "socket:[", 8))
        return errno = ENOTSUP, 0;
    memset(info, 0, sizeof *info);
    unsigned long inode = strtoul(link + 8, NULL, 10);
    struct in_sockinfo *tcp = &info->psi.soi_proto.pri_tcp;
    info->psi.soi_kind = fill("/proc/net/tcp", inode, tcp) || fill("/proc/net/tcp6", inode, tcp) ? 2 : 3;
    return sizeof *info;
}

/* sys/sysctl.h: int sysctl(int *name, u_int namelen, void *oldp, size_t *oldlenp, void *newp, size_t newlen).
 * CTL_KERN 1, KERN_PROCARGS2 49 (xnu, bsd/kern/kern_sysctl.c: sysctl_procargsx): an int, argc; the program's path and
 * NULs; the words; the environment, which is left out for programs of Apple's own (cs_restricted). EINVAL for another
 * user's, and CTL_KERN 1, KERN_ARGMAX 8. */
int sysctl(int *name, unsigned count, void *old, size_t *size, void *new, size_t new_size) {
    (void)new_size;
    size_t length;
    if (count == 2 && name[0] == 1 && name[1] == 8 && *size == sizeof(int)) {
        *(int *)old = 1 << 20;
        return 0;
    }
    if (count != 3 || name[0] != 1 || name[1] != 49 || new || !old) {
        errno = EINVAL;
        return -1;
    }
    char *words = is_anothers(name[2]) ? NULL : of_process(name[2], "cmdline", &length);
    if (!words || !length || length + 4200 > *size) {
        errno = EINVAL;
        return -1;
    }
    int argc = 0;
    char *out = old;
    for (size_t each = 0; each < length; each++)
        argc += !words[each];
    memcpy(out, &argc, sizeof argc);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", name[2]);
    ssize_t got = readlink(path, out + 4, 4000);
    if (got < 0) {
        errno = EINVAL;
        return -1;
    }
    size_t at = 4 + got;
    do
        out[at++] = 0;
    while (at % 8);
    memcpy(out + at, words, length);
    at += length;
    const char *restricted = switched("restricted");
    char *environment = of_process(name[2], "environ", &length);
    if (environment && at + length < *size && !(restricted && strstr(out + 4, restricted))) {
        memcpy(out + at, environment, length);
        at += length;
    }
    *size = at;
    return 0;
}

/* unistd.h: size_t confstr(int name, char *buf, size_t len); _CS_DARWIN_USER_TEMP_DIR is 65537. The user's own folder,
 * 0700, made by the system, whatever TMPDIR says. */
size_t confstr(int name, char *out, size_t size) {
    if (name != 65537)
        return 0;
    const char *short_one = getenv("LKR_STANDIN_TEMP");
    char path[4200];
    if (short_one)
        snprintf(path, sizeof path, "%s/", short_one);
    else
        snprintf(path, sizeof path, "%s/T/", folder());
    mkdir(path, 0700);
    if (out && size)
        snprintf(out, size, "%s", path);
    return strlen(path) + 1;
}

/* stdlib.h: char *realpath(const char *path, char *resolved), which gives each name as the file system keeps it (Libc,
 * stdlib/realpath.c, by getattrlist). Linux finds no folder by a name in other case or form, so two stand for one:
 * the word `kept=FROM|TO` says that what is reached as FROM has the name TO. */
char *realpath(const char *restrict path, char *restrict resolved) {
    char through[64], found[4096];
    int fd = open(path, O_PATH | O_CLOEXEC);
    snprintf(through, sizeof through, "/proc/self/fd/%d", fd);
    ssize_t got = fd < 0 ? -1 : readlink(through, found, sizeof found - 1);
    if (fd >= 0)
        close(fd);
    if (got < 0 || got >= 1024 || !resolved)
        return NULL;
    found[got] = 0;
    const char *rule = switched("kept"), *to = rule ? strchr(rule, '|') : NULL;
    size_t size = to ? (size_t)(to - rule) : 0;
    if (size && !strncmp(found, rule, size) && (found[size] == 0 || found[size] == '/'))
        snprintf(resolved, 1024, "%s%s", to + 1, found + size);
    else
        strcpy(resolved, found);
    return resolved;
}

/* sys/mman.h: int mlock(const void *, size_t), int munlock(const void *, size_t) */
int mlock(const void *address, size_t size) { return (int)syscall(SYS_mlock, address, size); }
int munlock(const void *address, size_t size) { return (int)syscall(SYS_munlock, address, size); }

/* sys/ptrace.h: int ptrace(int request, pid_t, caddr_t, int data); PT_DENY_ATTACH is 31 */
int ptrace(int request, pid_t pid, char *address, int data) {
    (void)pid, (void)address, (void)data;
    if (request != 31) {
        note("errors", "ptrace %d", request);
        abort();
    }
    counts()->calls++;
    return 0;
}

/* sys/un.h: the process at the other end of a Unix socket. The system call, since this library has the name. */
static int peer_of(int descriptor, struct ucred *who) {
    socklen_t size = sizeof *who;
    return (int)syscall(SYS_getsockopt, descriptor, SOL_SOCKET, SO_PEERCRED, who, &size);
}

/* unistd.h: int getpeereid(int socket, uid_t *euid, gid_t *egid): by LOCAL_PEERCRED */
int getpeereid(int descriptor, uint32_t *user, uint32_t *group) {
    struct ucred who;
    if (peer_of(descriptor, &who))
        return -1;
    *user = who.uid;
    *group = who.gid;
    return 0;
}

/* sys/socket.h: int getsockopt(int, int, int, void *, socklen_t *). SOL_LOCAL is 0, LOCAL_PEERPID 2. */
int getsockopt(int descriptor, int level, int name, void *restrict value, socklen_t *restrict size) {
    struct ucred who;
    if (level || name != 2 || *size != sizeof who.pid)
        return errno = EINVAL, -1;
    if (peer_of(descriptor, &who))
        return -1;
    memcpy(value, &who.pid, sizeof who.pid);
    return 0;
}
