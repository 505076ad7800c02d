/**
 * The core: what runs for every change, always the same, within minutes on two cores. All unit
 * tests and the chart; of every other group the files that prove most for a second. What waits for
 * a time, compares durations or needs a build of Kubernetes is not in it, and runs in
 * `npm run test:all`.
 */
import type { Need, TestGroup } from './groups.ts';

interface Part {
  readonly patterns: readonly string[];
  /** @default those of the group */
  readonly needs?: readonly Need[];
}

const numerics = (paths: readonly string[]) => paths.map((path) => `test/numerics/${path}.test.ts`);

const parts: Readonly<Record<string, Part | 'whole'>> = {
  unit: 'whole',
  charts: 'whole',
  terminal: { patterns: ['test/terminal/run.test.ts'] },
  numerics: {
    patterns: numerics([
      'golden',
      'train-methods',
      '{checkpoint,decoder,decoding,kernels,nn,optimizers,tensor,weights}/*',
      'engine/{activation-offload,attention-entries,distillation,finite,gradient-*,step,stages,update}',
      'methods/**/*',
      'sharding/*',
    ]),
  },
  e2e: { patterns: ['test/e2e/best-step.test.ts', 'test/e2e/two-runs.test.ts'] },
  peers: {
    patterns: ['test/peers/{low-rank,initial-factors,llama-gguf,galore}.test.ts'],
    needs: ['native', 'demo', 'peers', 'llama'],
  },
  gpu: {
    patterns: ['test/gpu/{emulated-device,waits,kernels-tested}.test.ts'],
    needs: ['native', 'peers', 'emulator'],
  },
  wire: { patterns: ['test/wire/{bus,bus-auth,bus-messages}.test.ts'] },
};

/** The part of a group that is core; none where nothing of it is. */
export function coreOf(group: TestGroup): TestGroup | undefined {
  const part = parts[group.name];
  if (part === 'whole' || part === undefined) return part && group;
  const { alone: _alone, atEachLevel: _levels, onDevice: _device, ...rest } = group;
  return { ...rest, ...part };
}
