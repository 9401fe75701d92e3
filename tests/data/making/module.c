/* A module whose values use every kind of item a module can save, for the fixtures `module.rdb`.
 *
 *   AIKVFIX.SET key count text     a value that saves numbers, fractions and strings
 *   AIKVFIX.NOTHING key            a value of a second type, which saves nothing at all
 *   AIKVFIX.META key class number text   metadata of a class (0, 1), beside any value (Redis 8.6)
 *   AIKVFIX.METAOF key             name and version of each class that the key has, its number and text
 *
 * It also saves data of its own before and after the keys. */
#include <stdint.h>
#include "redismodule.h"

#define ENCODING_VERSION 3

typedef struct {
    uint64_t count;
    RedisModuleString *text;
} Value;

static RedisModuleType *items_type, *nothing_type;
static const char binary[] = {'\0', '\xff', '\r', '\n'};

static void items_save(RedisModuleIO *io, void *data) {
    Value *value = data;
    RedisModule_SaveUnsigned(io, value->count);
    RedisModule_SaveSigned(io, -(int64_t)value->count);
    RedisModule_SaveUnsigned(io, UINT64_MAX);
    RedisModule_SaveSigned(io, INT64_MIN);
    RedisModule_SaveDouble(io, (double)value->count / 3);
    RedisModule_SaveFloat(io, (float)value->count / 7);
    RedisModule_SaveString(io, value->text);
    RedisModule_SaveStringBuffer(io, binary, sizeof binary);
    RedisModule_SaveStringBuffer(io, "", 0);
    for (uint64_t i = 0; i < value->count; i++) RedisModule_SaveUnsigned(io, i * i);
}

static void *items_load(RedisModuleIO *io, int version) {
    if (version != ENCODING_VERSION) return NULL;
    Value *value = RedisModule_Alloc(sizeof *value);
    value->count = RedisModule_LoadUnsigned(io);
    RedisModule_LoadSigned(io);
    RedisModule_LoadUnsigned(io);
    RedisModule_LoadSigned(io);
    RedisModule_LoadDouble(io);
    RedisModule_LoadFloat(io);
    value->text = RedisModule_LoadString(io);
    for (int i = 0; i < 2; i++) RedisModule_FreeString(NULL, RedisModule_LoadString(io));
    for (uint64_t i = 0; i < value->count; i++) RedisModule_LoadUnsigned(io);
    return value;
}

static void items_free(void *data) {
    Value *value = data;
    RedisModule_FreeString(NULL, value->text);
    RedisModule_Free(value);
}

static void aux_save(RedisModuleIO *io, int when) {
    RedisModule_SaveUnsigned(io, (uint64_t)when);
    RedisModule_SaveStringBuffer(io, when == REDISMODULE_AUX_BEFORE_RDB ? "before" : "after", when == REDISMODULE_AUX_BEFORE_RDB ? 6 : 5);
    RedisModule_SaveDouble(io, 0.5);
}

static int aux_load(RedisModuleIO *io, int version, int when) {
    if (version != ENCODING_VERSION || RedisModule_LoadUnsigned(io) != (uint64_t)when) return REDISMODULE_ERR;
    RedisModule_FreeString(NULL, RedisModule_LoadString(io));
    RedisModule_LoadDouble(io);
    return REDISMODULE_OK;
}

static void nothing_save(RedisModuleIO *io, void *data) {
    (void)io, (void)data;
}

static void *nothing_load(RedisModuleIO *io, int version) {
    (void)io;
    return version == 0 ? &nothing_type : NULL;
}

static void nothing_free(void *data) {
    (void)data;
}

static int set_command(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    long long count;
    if (argc != 4) return RedisModule_WrongArity(ctx);
    if (RedisModule_StringToLongLong(argv[2], &count) != REDISMODULE_OK || count < 0) return RedisModule_ReplyWithError(ctx, "ERR bad count");
    Value *value = RedisModule_Alloc(sizeof *value);
    value->count = (uint64_t)count;
    value->text = RedisModule_CreateStringFromString(NULL, argv[3]);
    RedisModule_ModuleTypeSetValue(RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ | REDISMODULE_WRITE), items_type, value);
    return RedisModule_ReplyWithSimpleString(ctx, "OK");
}

static int nothing_command(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return RedisModule_WrongArity(ctx);
    RedisModule_ModuleTypeSetValue(RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ | REDISMODULE_WRITE), nothing_type, &nothing_type);
    return RedisModule_ReplyWithSimpleString(ctx, "OK");
}

/* Metadata of keys came with Redis 8.6, after the header that this is built with. So its part of
 * the interface stands here, as `redismodule.h` and `keymeta.h` of Redis 8.6 have it. */
typedef struct {
    uint64_t version, flags, reset_value;
    int (*copy)(void *context, uint64_t *meta);
    int (*rename)(void *context, uint64_t *meta);
    int (*move)(void *context, uint64_t *meta);
    void (*unlink)(void *context, uint64_t *meta);
    void (*free)(const char *key, uint64_t meta);
    int (*rdb_load)(RedisModuleIO *io, uint64_t *meta, int version);
    void (*rdb_save)(RedisModuleIO *io, void *reserved, uint64_t *meta);
    void (*aof_rewrite)(RedisModuleIO *io, void *reserved, uint64_t meta);
    int (*defrag)(void *context, void *key, uint64_t meta);
    size_t (*mem_usage)(void *context, size_t samples, uint64_t meta);
    size_t (*free_effort)(void *context, uint64_t meta);
} MetaClassConfig;

static int (*create_meta_class)(RedisModuleCtx *ctx, const char *name, int version, MetaClassConfig *config);
static int (*set_meta)(int class, RedisModuleKey *key, uint64_t meta);
static int (*get_meta)(int class, RedisModuleKey *key, uint64_t *meta);

/* The second has the characters at the end of the alphabet of such names. */
static struct { const char *name; int version, flags, id; } classes[] = {{"KMT1", 1, 1, 0}, {"a_-9", 31, 0, 0}};
#define CLASSES (sizeof classes / sizeof *classes)

static void meta_save(RedisModuleIO *io, void *reserved, uint64_t *meta) {
    (void)reserved;
    Value *value = (Value *)*meta;
    RedisModule_SaveUnsigned(io, value->count);
    RedisModule_SaveSigned(io, -(int64_t)value->count);
    RedisModule_SaveDouble(io, (double)value->count / 3);
    RedisModule_SaveString(io, value->text);
}

static int meta_load(RedisModuleIO *io, uint64_t *meta, int version) {
    (void)version;
    Value *value = RedisModule_Alloc(sizeof *value);
    value->count = RedisModule_LoadUnsigned(io);
    RedisModule_LoadSigned(io);
    RedisModule_LoadDouble(io);
    value->text = RedisModule_LoadString(io);
    *meta = (uint64_t)value;
    return 1;
}

static void meta_free(const char *key, uint64_t meta) {
    (void)key;
    items_free((void *)meta);
}

static int meta_command(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    long long class, number;
    if (argc != 5) return RedisModule_WrongArity(ctx);
    if (RedisModule_StringToLongLong(argv[2], &class) != REDISMODULE_OK || class < 0 || class >= (long long)CLASSES) return RedisModule_ReplyWithError(ctx, "ERR bad class");
    if (RedisModule_StringToLongLong(argv[3], &number) != REDISMODULE_OK || number < 0) return RedisModule_ReplyWithError(ctx, "ERR bad number");
    Value *value = RedisModule_Alloc(sizeof *value);
    value->count = (uint64_t)number;
    value->text = RedisModule_CreateStringFromString(NULL, argv[4]);
    RedisModuleKey *key = RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ | REDISMODULE_WRITE);
    int outcome = set_meta(classes[class].id, key, (uint64_t)value);
    RedisModule_CloseKey(key);
    return outcome == REDISMODULE_OK ? RedisModule_ReplyWithSimpleString(ctx, "OK") : RedisModule_ReplyWithError(ctx, "ERR no such key");
}

static int metaof_command(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return RedisModule_WrongArity(ctx);
    RedisModuleKey *key = RedisModule_OpenKey(ctx, argv[1], REDISMODULE_READ);
    long shown = 0;
    RedisModule_ReplyWithArray(ctx, REDISMODULE_POSTPONED_ARRAY_LEN);
    for (size_t i = 0; key && i < CLASSES; i++) {
        uint64_t meta = 0;
        if (get_meta(classes[i].id, key, &meta) != REDISMODULE_OK || !meta) continue;
        Value *value = (Value *)meta;
        RedisModule_ReplyWithArray(ctx, 4);
        RedisModule_ReplyWithStringBuffer(ctx, classes[i].name, 4);
        RedisModule_ReplyWithLongLong(ctx, classes[i].version);
        RedisModule_ReplyWithLongLong(ctx, (long long)value->count);
        RedisModule_ReplyWithString(ctx, value->text);
        shown++;
    }
    RedisModule_ReplySetArrayLength(ctx, shown);
    if (key) RedisModule_CloseKey(key);
    return REDISMODULE_OK;
}

/* Does nothing for servers that know no metadata. */
static int create_meta_classes(RedisModuleCtx *ctx) {
    if (RedisModule_GetApi("RedisModule_CreateKeyMetaClass", (void **)&create_meta_class) != REDISMODULE_OK) return REDISMODULE_OK;
    RedisModule_GetApi("RedisModule_SetKeyMeta", (void **)&set_meta);
    RedisModule_GetApi("RedisModule_GetKeyMeta", (void **)&get_meta);
    for (size_t i = 0; i < CLASSES; i++) {
        MetaClassConfig config = {
            .version = 1, .flags = (uint64_t)classes[i].flags, .free = meta_free, .rdb_load = meta_load, .rdb_save = meta_save};
        classes[i].id = create_meta_class(ctx, classes[i].name, classes[i].version, &config);
        if (classes[i].id <= 0) return REDISMODULE_ERR;
    }
    if (RedisModule_CreateCommand(ctx, "aikvfix.meta", meta_command, "write", 1, 1, 1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    return RedisModule_CreateCommand(ctx, "aikvfix.metaof", metaof_command, "readonly", 1, 1, 1);
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv, (void)argc;
    if (RedisModule_Init(ctx, "aikvfix", 1, REDISMODULE_APIVER_1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    RedisModuleTypeMethods items = {.version = REDISMODULE_TYPE_METHOD_VERSION,
                                    .rdb_load = items_load,
                                    .rdb_save = items_save,
                                    .free = items_free,
                                    .aux_load = aux_load,
                                    .aux_save = aux_save,
                                    .aux_save_triggers = REDISMODULE_AUX_BEFORE_RDB | REDISMODULE_AUX_AFTER_RDB};
    RedisModuleTypeMethods nothing = {
        .version = REDISMODULE_TYPE_METHOD_VERSION, .rdb_load = nothing_load, .rdb_save = nothing_save, .free = nothing_free};
    items_type = RedisModule_CreateDataType(ctx, "aikv-Fix_", ENCODING_VERSION, &items);
    nothing_type = RedisModule_CreateDataType(ctx, "aikvEmpty", 0, &nothing);
    if (!items_type || !nothing_type) return REDISMODULE_ERR;
    if (create_meta_classes(ctx) == REDISMODULE_ERR) return REDISMODULE_ERR;
    if (RedisModule_CreateCommand(ctx, "aikvfix.set", set_command, "write", 1, 1, 1) == REDISMODULE_ERR) return REDISMODULE_ERR;
    return RedisModule_CreateCommand(ctx, "aikvfix.nothing", nothing_command, "write", 1, 1, 1);
}
