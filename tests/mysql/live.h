// What the tests on real servers share: an empty database of each test's own, `d`.
#pragma once

#include "tests/live/live.h"

namespace shardlift::mysql {

class LiveTest : public live::LiveTest {
 protected:
  void SetUp() override {
    live::LiveTest::SetUp();
    if (!HasFatalFailure()) UseFreshDatabase("d");
  }
  void TearDown() override { session_.reset(); }
};

}  // namespace shardlift::mysql
