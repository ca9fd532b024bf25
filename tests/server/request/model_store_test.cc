// Proves that models are loaded, loaded again and taken out by name, all layers
// of a file at once, while others find them; that what fails leaves what was
// served; and that every load is answered exactly once, also at the end.
#include "server/request/model_store.h"

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/log.h"
#include "tests/support/zero_model.h"

namespace attention {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Files that a test decides upon: what they hold, and when they are read.
class FakeFile {
 public:
  explicit FakeFile(std::vector<std::string> names)
      : names_(std::move(names)) {}

  ModelOrigin Origin(const std::string& name) {
    return {.name = name,
            .flag = absl::StrCat("--model ", name, "=/x"),
            .read = [this] { return Read(); }};
  }

  // Not while it may be read.
  void SetNames(std::vector<std::string> names) { names_ = std::move(names); }
  void SetError(absl::Status error) { error_ = std::move(error); }

  // From now on every read waits for Open.
  void Shut() { gate_ = std::make_unique<Gate>(); }
  void WaitUntilRead() { gate_->reached.get_future().wait(); }
  void Open() { gate_->open.set_value(); }

  int reads() const { return reads_; }

 private:
  struct Gate {
    std::promise<void> reached;
    std::promise<void> open;
    std::shared_future<void> opened = open.get_future().share();
    std::atomic<bool> is_reached = false;
  };

  absl::StatusOr<Models> Read() {
    ++reads_;
    if (gate_ != nullptr) {
      if (!gate_->is_reached.exchange(true)) gate_->reached.set_value();
      gate_->opened.wait();
    }
    if (!error_.ok()) return error_;
    Models models;
    for (const std::string& name : names_) {
      models.push_back(MakeZeroModel(name));
    }
    return models;
  }

  std::vector<std::string> names_;
  absl::Status error_;
  std::unique_ptr<Gate> gate_;
  std::atomic<int> reads_ = 0;
};

// The end of one load. Fails the test when it ends twice.
class Ending {
 public:
  ModelStore::Done Done() {
    return [this](absl::Status status) {
      EXPECT_FALSE(ended_.exchange(true));
      promise_.set_value(std::move(status));
    };
  }
  absl::Status Wait() { return promise_.get_future().get(); }

 private:
  std::atomic<bool> ended_ = false;
  std::promise<absl::Status> promise_;
};

absl::Status LoadAndWait(ModelStore& store, const std::string& name) {
  Ending ending;
  store.Load(name, ending.Done());
  return ending.Wait();
}

std::string StateName(ModelState state) {
  switch (state) {
    case ModelState::kReady:
      return "ready";
    case ModelState::kLoading:
      return "loading";
    case ModelState::kUnavailable:
      return "unavailable";
  }
  return "?";
}

// "NAME ready", "NAME unavailable: REASON".
std::vector<std::string> Lines(const std::vector<ModelEntry>& index) {
  std::vector<std::string> lines;
  for (const ModelEntry& entry : index) {
    lines.push_back(absl::StrCat(entry.name, " ", StateName(entry.state),
                                 entry.reason.empty() ? "" : ": ",
                                 entry.reason));
  }
  return lines;
}

class ModelStoreTest : public ::testing::Test {
 protected:
  ModelStoreTest() { SetLogLevel(LogLevel::kError); }

  ModelStore& Start() {
    store_ = std::make_unique<ModelStore>(
        registry_,
        std::vector<ModelOrigin>{bert_.Origin("bert"), torch_.Origin("torch")});
    EXPECT_TRUE(store_->LoadAll().ok());
    return *store_;
  }

  std::shared_ptr<const Model> Find(const std::string& name) {
    return registry_.Find(name).value_or(nullptr);
  }

  // All outlive the store, whose thread reads the files.
  FakeFile bert_{{"bert/0", "bert/10", "bert/2"}};
  FakeFile torch_{{"torch"}};
  ModelRegistry registry_;
  std::unique_ptr<ModelStore> store_;
};

TEST_F(ModelStoreTest, LoadsAllAndListsSdpaFirstThenAsPeopleCount) {
  const ModelStore& store = Start();
  EXPECT_THAT(Lines(store.Index()),
              ElementsAre("sdpa ready", "bert/0 ready", "bert/2 ready",
                          "bert/10 ready", "torch ready"));
  EXPECT_EQ(registry_.List().size(), 4u);
}

TEST_F(ModelStoreTest, AnErrorAtTheStartNamesTheFlag) {
  torch_.SetError(absl::NotFoundError("/x: no such file"));
  ModelStore store(registry_, {bert_.Origin("bert"), torch_.Origin("torch")});
  EXPECT_EQ(store.LoadAll(),
            absl::NotFoundError("--model torch=/x: /x: no such file"));
}

TEST_F(ModelStoreTest, TwoFlagsMayNotGiveOneName) {
  FakeFile other({"bert/2"});
  ModelStore same_model(registry_,
                        {bert_.Origin("bert"), other.Origin("bert/2")});
  EXPECT_EQ(same_model.LoadAll(),
            absl::AlreadyExistsError(
                "--model bert/2=/x: model name \"bert/2\" is taken by --model "
                "bert=/x; choose another"));
  ModelRegistry empty;
  ModelStore same_origin(empty, {bert_.Origin("m"), torch_.Origin("m")});
  EXPECT_EQ(same_origin.LoadAll(),
            absl::AlreadyExistsError("--model m=/x: model name \"m\" is taken "
                                     "by --model m=/x; choose another"));
}

TEST_F(ModelStoreTest, LoadsEveryLayerOfAnOriginAgain) {
  ModelStore& store = Start();
  const auto old = Find("bert/2");
  const auto other = Find("torch");
  EXPECT_TRUE(LoadAndWait(store, "bert").ok());
  for (const char* name : {"bert/0", "bert/2", "bert/10"}) {
    EXPECT_NE(Find(name), nullptr) << name;
  }
  EXPECT_NE(Find("bert/2"), old);
  EXPECT_EQ(old->name(), "bert/2");
  EXPECT_EQ(Find("torch"), other);
}

TEST_F(ModelStoreTest, LoadsOneLayerAgainAndLeavesTheOthers) {
  ModelStore& store = Start();
  const auto first = Find("bert/0");
  const auto second = Find("bert/2");
  EXPECT_TRUE(LoadAndWait(store, "bert/2").ok());
  EXPECT_EQ(Find("bert/0"), first);
  EXPECT_NE(Find("bert/2"), second);
}

TEST_F(ModelStoreTest, LayersComeAndGoWithTheFile) {
  ModelStore& store = Start();
  bert_.SetNames({"bert/0", "bert/3"});
  EXPECT_TRUE(LoadAndWait(store, "bert").ok());
  EXPECT_THAT(
      Lines(store.Index()),
      ElementsAre("sdpa ready", "bert/0 ready",
                  "bert/2 unavailable: not in --model bert=/x any more",
                  "bert/3 ready",
                  "bert/10 unavailable: not in --model bert=/x any more",
                  "torch ready"));
  EXPECT_EQ(LoadAndWait(store, "bert/2"),
            absl::NotFoundError("--model bert=/x: has no model bert/2 any "
                                "more; load bert for the 2 that it has"));
}

TEST_F(ModelStoreTest, ALayerMayNotTakeAnothersName) {
  ModelStore& store = Start();
  ASSERT_TRUE(store.Unload("torch").ok());
  bert_.SetNames({"bert/0", "torch"});
  EXPECT_EQ(LoadAndWait(store, "bert"),
            absl::AlreadyExistsError("model name \"torch\" is taken by --model "
                                     "torch=/x; choose another"));
  EXPECT_NE(Find("bert/10"), nullptr);
}

TEST_F(ModelStoreTest, WhatCannotBeReadLeavesWhatIsServed) {
  ModelStore& store = Start();
  const auto old = Find("bert/0");
  bert_.SetError(absl::InvalidArgumentError("/x: torn"));
  EXPECT_EQ(LoadAndWait(store, "bert"),
            absl::InvalidArgumentError("--model bert=/x: /x: torn"));
  EXPECT_EQ(Find("bert/0"), old);
  EXPECT_THAT(Lines(store.Index()), Each(HasSubstr(" ready")));
}

TEST_F(ModelStoreTest, TheIndexSaysWhyAModelIsNotThere) {
  ModelStore& store = Start();
  ASSERT_TRUE(store.Unload("torch").ok());
  EXPECT_EQ(Lines(store.Index()).back(), "torch unavailable: unloaded");
  torch_.SetError(absl::InvalidArgumentError("/x: torn"));
  EXPECT_FALSE(LoadAndWait(store, "torch").ok());
  EXPECT_EQ(Lines(store.Index()).back(),
            "torch unavailable: --model torch=/x: /x: torn");
  torch_.SetError(absl::OkStatus());
  EXPECT_TRUE(LoadAndWait(store, "torch").ok());
  EXPECT_EQ(Lines(store.Index()).back(), "torch ready");
}

TEST_F(ModelStoreTest, UnknownNamesAreNotFoundAndReadNothing) {
  ModelStore& store = Start();
  for (const char* name : {"nobody", "", "bert/7", "bert/"}) {
    EXPECT_EQ(LoadAndWait(store, name).code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(store.Unload(name).code(), absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(LoadAndWait(store, "a\n").message(),
            "model \"a\\n\" comes from no --model or --demo-model; there are "
            "bert, torch");
  EXPECT_LT(store.Unload(std::string(1 << 20, 'x')).message().size(), 256u);
  EXPECT_EQ(bert_.reads(), 1);
}

TEST_F(ModelStoreTest, UnloadsAnOriginOrALayerThatSomebodyKeeps) {
  ModelStore& store = Start();
  const auto kept = Find("bert/2");
  EXPECT_TRUE(store.Unload("bert/2").ok());
  EXPECT_EQ(Find("bert/2"), nullptr);
  EXPECT_NE(Find("bert/0"), nullptr);
  EXPECT_EQ(kept->name(), "bert/2");
  EXPECT_EQ(store.Unload("bert/2"),
            absl::NotFoundError("model bert/2 is not loaded"));
  EXPECT_TRUE(store.Unload("bert").ok());
  EXPECT_EQ(store.Unload("bert"),
            absl::NotFoundError("model bert is not loaded"));
  EXPECT_EQ(registry_.List().size(), 1u);
  EXPECT_TRUE(LoadAndWait(store, "bert/2").ok());
  EXPECT_NE(Find("bert/2"), nullptr);
  EXPECT_EQ(Find("bert/0"), nullptr);
}

TEST_F(ModelStoreTest, SdpaIsAlwaysLoaded) {
  ModelStore& store = Start();
  EXPECT_TRUE(LoadAndWait(store, "sdpa").ok());
  EXPECT_EQ(store.Unload("sdpa").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ModelStoreTest, WhatIsLoadedAgainCanBeAskedMeanwhile) {
  ModelStore& store = Start();
  ASSERT_TRUE(store.Unload("bert/0").ok());
  bert_.Shut();
  Ending ending;
  store.Load("bert", ending.Done());
  bert_.WaitUntilRead();
  EXPECT_THAT(Lines(store.Index()),
              ElementsAre("sdpa ready", "bert/0 loading", "bert/2 ready",
                          "bert/10 ready", "torch ready"));
  EXPECT_EQ(Find("bert/0"), nullptr);
  EXPECT_NE(Find("bert/2"), nullptr);
  bert_.Open();
  EXPECT_TRUE(ending.Wait().ok());
  EXPECT_THAT(Lines(store.Index()), Each(HasSubstr(" ready")));
}

TEST_F(ModelStoreTest, ModelsThatWaitToBeLoadedAreLoading) {
  ModelStore& store = Start();
  bert_.Shut();
  Ending first;
  store.Load("bert", first.Done());
  bert_.WaitUntilRead();
  ASSERT_TRUE(store.Unload("torch").ok());
  Ending second;
  store.Load("torch", second.Done());
  EXPECT_EQ(Lines(store.Index()).back(), "torch loading");
  bert_.Open();
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
}

TEST_F(ModelStoreTest, ModelsAreWarmBeforeTheyAreServed) {
  ModelStore& store = Start();
  const auto old = Find("torch");
  Models warmed;
  store.SetWarmUp([&](const Models& models) {
    warmed = models;
    EXPECT_EQ(Find("torch"), old);
    return absl::OkStatus();
  });
  EXPECT_TRUE(LoadAndWait(store, "torch").ok());
  EXPECT_THAT(warmed, ElementsAre(Find("torch")));
}

TEST_F(ModelStoreTest, WhatCannotBeWarmedUpIsNotServed) {
  ModelStore& store = Start();
  const auto old = Find("torch");
  store.SetWarmUp(
      [](const Models&) { return absl::InternalError("it does not compute"); });
  EXPECT_EQ(LoadAndWait(store, "torch"),
            absl::InternalError("warm-up: it does not compute"));
  EXPECT_EQ(Find("torch"), old);
}

TEST_F(ModelStoreTest, SomeLoadsMayWaitAndOneMoreIsRefused) {
  ModelStore& store = Start();
  bert_.Shut();
  std::deque<Ending> endings(1 + kMaxWaitingLoads);
  store.Load("bert", endings.front().Done());
  bert_.WaitUntilRead();
  for (std::size_t i = 1; i < endings.size(); ++i) {
    store.Load("torch", endings[i].Done());
  }
  EXPECT_EQ(
      LoadAndWait(store, "torch"),
      absl::ResourceExhaustedError("64 loads wait already, try again later"));
  bert_.Open();
  for (Ending& ending : endings) EXPECT_TRUE(ending.Wait().ok());
}

TEST_F(ModelStoreTest, ClosingCancelsWhatIsNotServedYet) {
  ModelStore& store = Start();
  const auto old = Find("bert/0");
  bert_.Shut();
  Ending reading;
  Ending waiting;
  store.Load("bert", reading.Done());
  bert_.WaitUntilRead();
  store.Load("torch", waiting.Done());
  store.Close();
  EXPECT_EQ(waiting.Wait().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(LoadAndWait(store, "bert").code(), absl::StatusCode::kUnavailable);
  bert_.Open();
  EXPECT_EQ(reading.Wait().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Find("bert/0"), old);
  EXPECT_EQ(torch_.reads(), 1);
}

TEST_F(ModelStoreTest, TheEndWaitsForWhatIsRead) {
  bert_.Shut();
  Ending ending;
  store_ = std::make_unique<ModelStore>(
      registry_, std::vector<ModelOrigin>{bert_.Origin("bert")});
  store_->Load("bert", ending.Done());
  bert_.WaitUntilRead();
  std::thread end([&] { store_.reset(); });
  bert_.Open();
  end.join();
  EXPECT_THAT(ending.Wait().code(),
              AnyOf(absl::StatusCode::kOk, absl::StatusCode::kCancelled));
}

TEST_F(ModelStoreTest, WhatHearsOfALoadMayLoadTheNext) {
  ModelStore& store = Start();
  Ending second;
  store.Load("bert", [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(store.Index().size(), 5u);
    store.Load("torch", second.Done());
  });
  EXPECT_TRUE(second.Wait().ok());
}

// Loads, unloads and requests at once, whose order nobody knows: every load is
// answered once, and whoever finds a model can use it as long as he likes.
TEST_F(ModelStoreTest, AllOfItMayHappenAtOnce) {
  constexpr int kTimes = 40;
  ModelStore& store = Start();
  store.SetWarmUp([](const Models&) { return absl::OkStatus(); });
  std::deque<Ending> endings(2 * kTimes);
  std::atomic<bool> end = false;
  std::vector<std::thread> threads;
  for (const std::size_t half : {0, 1}) {
    threads.emplace_back([&, half] {
      for (std::size_t i = 0; i < kTimes; ++i) {
        store.Load(i % 2 == half ? "bert" : "bert/2",
                   endings[half * kTimes + i].Done());
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kTimes; ++i) {
      const absl::Status status = store.Unload(i % 2 == 0 ? "bert" : "bert/2");
      EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
    }
  });
  std::thread reader([&] {
    while (!end) {
      const auto model = Find("bert/2");
      if (model != nullptr) {
        EXPECT_EQ(model->name(), "bert/2");
      }
      EXPECT_EQ(store.Index().size(), 5u);
    }
  });
  for (std::thread& thread : threads) thread.join();
  for (Ending& ending : endings) {
    const absl::Status status = ending.Wait();
    EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
  }
  end = true;
  reader.join();
  EXPECT_TRUE(LoadAndWait(store, "bert").ok());
  EXPECT_THAT(Lines(store.Index()), Each(HasSubstr(" ready")));
}

}  // namespace
}  // namespace attention
