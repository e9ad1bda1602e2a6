/* Stands in for NVIDIA's driver libraries in tests: libnvidia-ml.so.1 and libcuda.so.1, from one source.
 *
 * What it answers is read from the text file that FAKE_NVIDIA names, at each initialisation:
 *
 *     driver 550.54.14        the driver's version          init 18    code of nvmlInit
 *     cuda 12040              newest CUDA runtime           cuinit 803 code of cuInit
 *     gpu                     begins a GPU, in PCI order; below it: name, uuid, pci, total, free, cc MAJOR MINOR,
 *                             buswidth, memclock (MHz), integrated, fast (rank for CUDA's fastest first), nvlink (links),
 *                             computemode, migmode, fail FUNCTION CODE
 *     mig                     begins a MIG instance of that GPU: name, uuid, total, free
 *
 * Signatures follow NVIDIA's NVML API reference and CUDA driver API reference. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 16
enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, CUDA_NO_DEVICE = 100, CUDA_INVALID_DEVICE = 101 };

typedef struct { char what[64]; int code; } Failure;
typedef struct Gpu Gpu;
struct Gpu {
    char name[96], uuid[96], pci[32];
    unsigned long long total, free;
    int major, minor, buswidth, memclock, integrated, fast, nvlink, computemode, migmode, failures, parts;
    Failure fail[8];
    Gpu *part[8];
};

static struct { char driver[80]; int cuda, init, cuinit, hang, count; Gpu *gpu[MOST], *shown[MOST]; int visible; Failure fail; } state;

static void copy(char *to, const char *from, size_t size) { snprintf(to, size, "%s", from); }

static void load(void) {
    memset(&state, 0, sizeof state);
    FILE *file = fopen(getenv("FAKE_NVIDIA") ? getenv("FAKE_NVIDIA") : "", "r");
    char line[256];
    Gpu *gpu = NULL, *owner = NULL;
    if (!file) { state.init = 9; state.cuinit = CUDA_NO_DEVICE; return; }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (value) *value++ = 0; else value = "";
        if (!strcmp(line, "driver")) copy(state.driver, value, sizeof state.driver);
        else if (!strcmp(line, "cuda")) state.cuda = atoi(value);
        else if (!strcmp(line, "init")) state.init = atoi(value);
        else if (!strcmp(line, "cuinit")) state.cuinit = atoi(value);
        else if (!strcmp(line, "hang")) state.hang = atoi(value);
        else if (!strcmp(line, "gpu")) owner = gpu = state.gpu[state.count++] = calloc(1, sizeof *gpu);
        else if (!strcmp(line, "mig")) gpu = owner->part[owner->parts++] = calloc(1, sizeof *gpu);
        else if (!strcmp(line, "fail") && gpu) sscanf(value, "%63s %d", gpu->fail[gpu->failures].what, &gpu->fail[gpu->failures].code), gpu->failures++;
        else if (!strcmp(line, "fail")) sscanf(value, "%63s %d", state.fail.what, &state.fail.code);
        else if (!gpu) continue;
        else if (!strcmp(line, "name")) copy(gpu->name, value, sizeof gpu->name);
        else if (!strcmp(line, "uuid")) copy(gpu->uuid, value, sizeof gpu->uuid);
        else if (!strcmp(line, "pci")) copy(gpu->pci, value, sizeof gpu->pci);
        else if (!strcmp(line, "total")) gpu->total = strtoull(value, NULL, 10);
        else if (!strcmp(line, "free")) gpu->free = strtoull(value, NULL, 10);
        else if (!strcmp(line, "cc")) sscanf(value, "%d %d", &gpu->major, &gpu->minor);
        else if (!strcmp(line, "buswidth")) gpu->buswidth = atoi(value);
        else if (!strcmp(line, "memclock")) gpu->memclock = atoi(value);
        else if (!strcmp(line, "integrated")) gpu->integrated = atoi(value);
        else if (!strcmp(line, "fast")) gpu->fast = atoi(value);
        else if (!strcmp(line, "nvlink")) gpu->nvlink = atoi(value);
        else if (!strcmp(line, "computemode")) gpu->computemode = atoi(value);
        else if (!strcmp(line, "migmode")) gpu->migmode = atoi(value);
    }
    fclose(file);
}

/* The code a state gives for a function, of one GPU or of all. */
static int failure(Gpu *gpu, const char *what) {
    if (!strcmp(state.fail.what, what)) return state.fail.code;
    for (int i = 0; gpu && i < gpu->failures; i++)
        if (!strcmp(gpu->fail[i].what, what)) return gpu->fail[i].code;
    return OK;
}
#define CHECK(gpu, what) do { int code = failure(gpu, what); if (code) return code; } while (0)

/* --- NVML --------------------------------------------------------------------------------------------------------- */

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId; char busId[32]; } Pci;

int nvmlInitWithFlags(unsigned flags) { (void)flags; load(); while (state.hang) pause(); return state.init; }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : code == 16 ? "GPU requires reset" : "Fake error"; }
int nvmlSystemGetDriverVersion(char *to, unsigned size) { copy(to, state.driver, size); return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *to) { CHECK(NULL, "CudaVersion"); *to = state.cuda; return OK; }
int nvmlSystemGetCudaDriverVersion(int *to) { *to = state.cuda; return OK; }
int nvmlDeviceGetCount_v2(unsigned *to) { *to = state.count; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **to) {
    if (index >= (unsigned)state.count) return INVALID;
    CHECK(state.gpu[index], "Handle");
    *to = state.gpu[index];
    return OK;
}
int nvmlDeviceGetName(Gpu *gpu, char *to, unsigned size) { CHECK(gpu, "Name"); copy(to, gpu->name, size); return OK; }
int nvmlDeviceGetUUID(Gpu *gpu, char *to, unsigned size) { CHECK(gpu, "UUID"); copy(to, gpu->uuid, size); return OK; }
int nvmlDeviceGetPciInfo_v3(Gpu *gpu, Pci *to) { CHECK(gpu, "Pci"); memset(to, 0, sizeof *to); copy(to->busId, gpu->pci, 32); return OK; }
int nvmlDeviceGetCudaComputeCapability(Gpu *gpu, int *major, int *minor) {
    CHECK(gpu, "Capability");
    *major = gpu->major; *minor = gpu->minor;
    return OK;
}
int nvmlDeviceGetMemoryInfo(Gpu *gpu, Memory *to) {
    CHECK(gpu, "Memory");
    to->total = gpu->total; to->free = gpu->free; to->used = gpu->total - gpu->free;
    return OK;
}
int nvmlDeviceGetMaxClockInfo(Gpu *gpu, int kind, unsigned *to) { (void)kind; if (!gpu->memclock) return NOT_SUPPORTED; *to = gpu->memclock; return OK; }
int nvmlDeviceGetMemoryBusWidth(Gpu *gpu, unsigned *to) { if (!gpu->buswidth) return NOT_SUPPORTED; *to = gpu->buswidth; return OK; }
int nvmlDeviceGetNvLinkState(Gpu *gpu, unsigned link, int *to) { if (!gpu->nvlink) return NOT_SUPPORTED; if ((int)link >= gpu->nvlink) return INVALID; *to = 1; return OK; }
int nvmlDeviceGetComputeMode(Gpu *gpu, int *to) { *to = gpu->computemode; return OK; }
int nvmlDeviceGetMigMode(Gpu *gpu, unsigned *now, unsigned *next) { if (gpu->migmode < 0 || gpu->major < 8) return NOT_SUPPORTED; *now = *next = gpu->migmode; return OK; }
int nvmlDeviceGetMaxMigDeviceCount(Gpu *gpu, unsigned *to) { *to = gpu->migmode ? 7 : 0; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(Gpu *gpu, unsigned index, Gpu **to) {
    if (index >= (unsigned)gpu->parts) return NOT_FOUND;
    *to = gpu->part[index];
    return OK;
}

/* --- CUDA driver API ---------------------------------------------------------------------------------------------- */

static void order(void) {
    const char *how = getenv("CUDA_DEVICE_ORDER");
    int fastest = !(how && !strcmp(how, "PCI_BUS_ID"));
    Gpu *all[MOST], *swap;
    memcpy(all, state.gpu, sizeof all);
    for (int i = 0; fastest && i < state.count; i++)
        for (int j = i + 1; j < state.count; j++)
            if (all[j]->fast > all[i]->fast) { swap = all[i]; all[i] = all[j]; all[j] = swap; }
    const char *value = getenv("CUDA_VISIBLE_DEVICES");
    if (!value) { memcpy(state.shown, all, sizeof all); state.visible = state.count; return; }
    char list[512], *rest = list, *item;
    copy(list, value, sizeof list);
    while ((item = strsep(&rest, ",")) && *item) {
        Gpu *gpu = NULL;
        if (!strncmp(item, "GPU-", 4)) { for (int i = 0; i < state.count; i++) if (!strncmp(all[i]->uuid, item, strlen(item))) gpu = all[i]; }
        else if (*item >= '0' && *item <= '9' && atoi(item) < state.count) gpu = all[atoi(item)];
        if (!gpu) return;
        state.shown[state.visible++] = gpu;
    }
}
int cuInit(unsigned flags) { (void)flags; load(); order(); return state.cuinit ? state.cuinit : state.visible ? OK : CUDA_NO_DEVICE; }
int cuDriverGetVersion(int *to) { *to = state.cuda; return OK; }
int cuDeviceGetCount(int *to) { *to = state.visible; return OK; }
int cuDeviceGet(int *to, int ordinal) { if (ordinal >= state.visible) return CUDA_INVALID_DEVICE; *to = ordinal; return OK; }
int cuDeviceGetName(char *to, int size, int device) { copy(to, state.shown[device]->name, size); return OK; }
int cuDeviceGetUuid(unsigned char *to, int device) {
    const char *from = state.shown[device]->uuid + 4;
    for (int i = 0; i < 16; from++) {
        unsigned byte;
        if (*from == '-') continue;
        if (sscanf(from++, "%2x", &byte) != 1) return INVALID;
        to[i++] = byte;
    }
    return OK;
}
int cuDeviceGetPCIBusId(char *to, int size, int device) { copy(to, state.shown[device]->pci, size); return OK; }
int cuDeviceTotalMem_v2(size_t *to, int device) { *to = state.shown[device]->total; return OK; }
int cuDeviceGetAttribute(int *to, int attribute, int device) {
    Gpu *gpu = state.shown[device];
    *to = attribute == 18 ? gpu->integrated : attribute == 20 ? gpu->computemode : attribute == 36 ? gpu->memclock * 1000
        : attribute == 37 ? gpu->buswidth : attribute == 75 ? gpu->major : attribute == 76 ? gpu->minor : 0;
    return OK;
}
static Gpu *current;
int cuDevicePrimaryCtxRetain(void **to, int device) { CHECK(state.shown[device], "Context"); *to = state.shown[device]; return OK; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return OK; }
int cuCtxPushCurrent_v2(void *context) { current = context; return OK; }
int cuCtxPopCurrent_v2(void **context) { *context = current; current = NULL; return OK; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { if (!current) return 201; *free = current->free; *total = current->total; return OK; }
