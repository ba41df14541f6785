/** The tests that judge mutants of the Edge Function. */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["tests/unit/function/**/*.test.ts"] } });
