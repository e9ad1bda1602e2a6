// What llama.cpp accounts for when a model's layers are on several devices, without a GPU and without allocating:
// how tests/planning/memory/devices.json was made. Beside libllama's API it uses its staging header (llama-ext.h), so it
// is built against the same sources, with the RPC backend, whose devices are CPUs on the loopback interface:
//
//   cmake LLAMA_CPP -B build -G Ninja -DGGML_RPC=ON -DBUILD_SHARED_LIBS=ON -DLLAMA_BUILD_COMMON=OFF
//   ninja -C build llama ggml-rpc
//   g++ -std=c++17 memory_devices.cpp -ILLAMA_CPP/include -ILLAMA_CPP/src -ILLAMA_CPP/ggml/include
//       -Lbuild/bin -lllama -lggml -lggml-base -lggml-cpu -lggml-rpc -Wl,-rpath,build/bin -o memory_devices
//
// A GPU computes long prompts for layers on the host too; for the RPC backend to do so, its device's `offload_op` (which is
// NULL) has to say yes to operations on 32 rows or more, as ggml-cuda's does.
//
// memory_devices MODEL CONTEXT PARALLEL KV_TYPE GPU_LAYERS SPLIT   (SPLIT: 16,17 or - for no device)
// prints for each device: its number (-1: the host), its name, bytes of weights, of the context, of compute buffers.

#include "ggml-backend.h"
#include "ggml-rpc.h"
#include "llama-ext.h"
#include "llama.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char ** argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: %s MODEL CONTEXT PARALLEL KV_TYPE GPU_LAYERS SPLIT\n", argv[0]);
        return 2;
    }
    const int context = atoi(argv[2]);
    const int parallel = atoi(argv[3]);
    const std::string kv_type = argv[4];
    std::vector<float> split;
    if (strcmp(argv[6], "-") != 0) {
        for (char * part = strtok(argv[6], ","); part != nullptr; part = strtok(nullptr, ",")) {
            split.push_back(atof(part));
        }
    }
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR) {
            fputs(text, stderr);
        }
    }, nullptr);
    ggml_backend_load_all();
    llama_backend_init();

    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    std::vector<ggml_backend_dev_t> devices;
    const int port = 20000 + getpid() % 20000;
    for (size_t i = 0; i < split.size(); i++) {
        const std::string endpoint = "127.0.0.1:" + std::to_string(port + int(i));
        std::thread([endpoint, cpu]() mutable {
            ggml_backend_rpc_start_server(endpoint.c_str(), nullptr, 1, 1, &cpu);
        }).detach();
        usleep(300000);
        ggml_backend_reg_t found = ggml_backend_rpc_add_server(endpoint.c_str());
        if (found == nullptr) {
            fprintf(stderr, "no device at %s\n", endpoint.c_str());
            return 1;
        }
        devices.push_back(ggml_backend_reg_dev_get(found, 0));
    }
    const size_t count = devices.size();
    devices.push_back(nullptr);
    split.resize(llama_max_devices(), 0.0f);

    llama_model_params model_params = llama_model_default_params();
    model_params.devices = devices.data();
    model_params.n_gpu_layers = atoi(argv[5]);
    model_params.tensor_split = count > 0 ? split.data() : nullptr;
    model_params.no_alloc = true;
    model_params.load_mode = LLAMA_LOAD_MODE_NONE;
    model_params.use_extra_bufts = false;
    llama_model * model = llama_model_load_from_file(argv[1], model_params);
    if (model == nullptr) {
        return 1;
    }

    // As the worker's server sets them.
    llama_context_params params = llama_context_default_params();
    params.n_ctx = context * parallel;
    params.n_seq_max = parallel;
    params.n_batch = 2048;
    params.n_ubatch = 512;
    params.n_outputs_max = parallel;
    params.n_outputs_max_per_seq = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
    params.kv_unified = false;
    params.swa_full = false;
    for (int type = 0; type < GGML_TYPE_COUNT; type++) {
        const char * name = ggml_type_name(ggml_type(type));
        if (name != nullptr && kv_type == name) {
            params.type_k = params.type_v = ggml_type(type);
        }
    }
    llama_context * ctx = llama_init_from_model(model, params);
    if (ctx == nullptr) {
        return 1;
    }
    for (const auto & [type, bytes] : llama_get_memory_breakdown(ctx)) {
        int number = -1;
        for (size_t i = 0; i < count; i++) {
            if (ggml_backend_buft_get_device(type) == devices[i]) {
                number = int(i);
            }
        }
        printf("%d %s %zu %zu %zu\n", number, ggml_backend_buft_name(type), bytes.model, bytes.context, bytes.compute);
    }
    fflush(stdout);
    _exit(0);  // the devices' threads never end
}
