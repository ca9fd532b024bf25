// `attention-client selftest`.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/selftest.h"
#include "core/attention/isa.h"
#include "core/base/cpu.h"

namespace attention {

ExitCode RunSelftest() {
  auto engine = Engine::Create(EngineOptions());
  if (!engine.ok()) {
    return Fail(ExitCode::kCheckFailed, engine.status());
  }
  std::printf("%s\n%s\n\n%-30s %16s %8s\n",
              ReadCpuTopology().model_name.c_str(), IsaInUse().c_str(), "case",
              "relative error", "limit");
  int failed = 0;
  for (const SelftestCase& test : SelftestCases()) {
    const auto error = RunSelftestCase(test, **engine);
    const bool ok = error.ok() && *error <= kSelftestLimit;
    failed += ok ? 0 : 1;
    if (error.ok()) {
      std::printf("%-30s %16.2g %8.0g  %s\n", test.name.c_str(), *error,
                  kSelftestLimit, ok ? "ok" : "FAILED");
    } else {
      std::printf("%-30s %s\n", test.name.c_str(),
                  std::string(error.status().message()).c_str());
    }
  }
  if (failed > 0) {
    return Fail(ExitCode::kCheckFailed,
                absl::InternalError(absl::StrCat(
                    failed,
                    " cases failed: this build must not serve on this "
                    "CPU; report the lines above")));
  }
  std::printf("\nall cases are within the limit\n");
  return ExitCode::kOk;
}

}  // namespace attention
