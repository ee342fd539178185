/* A library that speaks the part of NVML that is asked for (nvml.h of CUDA 12), with two GPUs and one that fell off the bus.
   -DNO_GPU: a driver without GPUs; -DINIT=N: one that answers N at first; -DOLD: one without the newer account of memory;
   -DLOST_AFTER=N: one that loses its first GPU after it was asked for N times. */

#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15, VERSION_MISMATCH = 25 };
enum { CLOCK_SM = 1, CLOCK_MEM = 2 };

#ifndef INIT
#define INIT SUCCESS
#endif
#ifndef LOST_AFTER
#define LOST_AFTER -1
#endif

struct device {
  const char *name;
  unsigned long long memory;
  unsigned milliwatts;       /* that it is held to; 0: it does not tell */
  unsigned power;            /* milliwatts that it draws */
  unsigned long long energy; /* millijoules that its counter goes on by when it is read; 0: it has none */
  unsigned long long reasons;
  unsigned long long counted;
};

static struct device devices[] = {
    {"NVIDIA GeForce RTX 4090", 25757220864ULL, 450000, 300000, 30000, 0x44 /* power and heat */, 0},
    {"NVIDIA GeForce RTX 4090", 25757220864ULL, 0, 120000, 0, 0x1 /* idle */, 0},
};
static int asked = 0;

static int ready = 0;

int nvmlInit_v2(void) {
  ready = INIT == SUCCESS;
  return INIT;
}

int nvmlShutdown(void) {
  ready = 0;
  return SUCCESS;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
  if (!ready) return UNINITIALIZED;
  strncpy(version, "550.54.15", length);
  return SUCCESS;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
  if (!ready) return UNINITIALIZED;
  *version = 12040;
  return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  if (!ready) return UNINITIALIZED;
#ifdef NO_GPU
  *count = 0;
#else
  *count = 3;
#endif
  return SUCCESS;
}

/* The second of three is lost. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **device) {
  if (!ready) return UNINITIALIZED;
  if (index == 1) return GPU_IS_LOST;
  if (index > 2) return INVALID_ARGUMENT;
  if (index == 0 && LOST_AFTER >= 0 && asked++ >= LOST_AFTER) return GPU_IS_LOST;
  *device = &devices[index / 2];
  return SUCCESS;
}

int nvmlDeviceGetName(struct device *device, char *name, unsigned length) {
  strncpy(name, device->name, length);
  return SUCCESS;
}

#ifndef OLD
struct memory_v2 {
  unsigned version;
  unsigned long long total, reserved, free, used;
};

int nvmlDeviceGetMemoryInfo_v2(struct device *device, struct memory_v2 *memory) {
  if (memory->version != (sizeof *memory | 2 << 24)) return VERSION_MISMATCH;
  memory->total = device->memory;
  memory->reserved = 400ULL << 20;
  memory->used = 1ULL << 30;
  memory->free = memory->total - memory->reserved - memory->used;
  return SUCCESS;
}
#endif

int nvmlDeviceGetEnforcedPowerLimit(struct device *device, unsigned *milliwatts) {
  if (device->milliwatts == 0) return NOT_SUPPORTED;
  *milliwatts = device->milliwatts;
  return SUCCESS;
}

int nvmlDeviceGetMaxClockInfo(struct device *device, int clock, unsigned *mhz) {
  (void)device;
  if (clock != CLOCK_SM && clock != CLOCK_MEM) return INVALID_ARGUMENT;
  *mhz = clock == CLOCK_SM ? 3105 : 10501;
  return SUCCESS;
}

int nvmlDeviceGetClockInfo(struct device *device, int clock, unsigned *mhz) {
  (void)device;
  if (clock != CLOCK_SM && clock != CLOCK_MEM) return INVALID_ARGUMENT;
  *mhz = clock == CLOCK_SM ? 210 : 10501;
  return SUCCESS;
}

struct utilization {
  unsigned gpu, memory;
};

int nvmlDeviceGetUtilizationRates(struct device *device, struct utilization *rates) {
  (void)device;
  rates->gpu = 93;
  rates->memory = 40;
  return SUCCESS;
}

int nvmlDeviceGetTemperature(struct device *device, int sensor, unsigned *celsius) {
  (void)device;
  if (sensor != 0) return INVALID_ARGUMENT;
  *celsius = 71;
  return SUCCESS;
}

int nvmlDeviceGetPowerUsage(struct device *device, unsigned *milliwatts) {
  *milliwatts = device->power;
  return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(struct device *device, unsigned long long *millijoules) {
  if (device->energy == 0) return NOT_SUPPORTED;
  device->counted += device->energy;
  *millijoules = device->counted;
  return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(struct device *device, unsigned long long *reasons) {
  *reasons = device->reasons;
  return SUCCESS;
}

struct process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};

/* Two processes of one program and one of another, all on the first GPU. */
int nvmlDeviceGetComputeRunningProcesses_v3(struct device *device, unsigned *count, struct process *processes) {
  static const struct process all[] = {
      {17, 256ULL << 20, ~0u, ~0u}, {4242, 512ULL << 20, ~0u, ~0u}, {99, 128ULL << 20, ~0u, ~0u}};
  unsigned there = device == &devices[0] ? 3 : 0;
  if (*count < there) {
    *count = there;
    return there == 0 ? SUCCESS : INSUFFICIENT_SIZE;
  }
  *count = there;
  memcpy(processes, all, there * sizeof *all);
  return SUCCESS;
}
