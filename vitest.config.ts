import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // The slowest takes a second; the limit is for one that hangs.
      { test: { name: "unit", include: ["tests/unit/**/*.test.ts"], testTimeout: 30_000 } },
      {
        test: {
          name: "integration",
          include: ["tests/{integration,upgrade}/**/*.test.ts"],
          exclude: ["tests/integration/end-to-end/**"],
          // Each file has servers of its own, and mostly waits for them.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "end-to-end",
          include: ["tests/integration/end-to-end/**/*.test.ts"],
          globalSetup: "tests/integration/end-to-end/backend.ts",
          // One database, and one pg_net: file after file, after all others.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          maxConcurrency: 40,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "model",
          include: ["tests/chaos/model/**/*.test.ts"],
          sequence: { groupOrder: 3 },
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // Not part of npm test: minutes in real time (npm run chaos:real-time).
          name: "real-time",
          include: ["tests/chaos/real-time/**/*.test.ts"],
          globalSetup: "tests/integration/end-to-end/backend.ts",
          fileParallelism: false,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // It waits for the engine's true delays (docs/proof/crash.md); npm test runs it beside other suites, with a smaller load.
          name: "crash",
          include: ["tests/chaos/crash/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // Not part of npm test: it simulates days, in minutes (npm run outage, docs/proof/outage.md).
          name: "outage",
          include: ["tests/chaos/outage/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // Real time, and the database of the end-to-end tests to itself (the long form: docs/proof/isolation.md).
          name: "isolation",
          include: ["tests/chaos/isolation/**/*.test.ts"],
          globalSetup: "tests/integration/end-to-end/backend.ts",
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
