/**
 * The core: what runs for every change, within ten minutes on two cores. All unit tests and the
 * chart, and of other groups the files named here, chosen by hand for what they cover in their
 * seconds. None of those waits for a fixed time or compares durations, and nothing needs a cluster.
 * All else runs in `npm run test:all`.
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
  terminal: { patterns: ['test/terminal/{compare,init,submit,watch}.test.ts'] },
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
  wire: { patterns: ['test/wire/{bus-auth,bus-messages,nats-bus}.test.ts'] },
};

/** The part of a group that is core; none where nothing of it is. */
export function coreOf(group: TestGroup): TestGroup | undefined {
  const part = parts[group.name];
  if (part === 'whole' || part === undefined) return part && group;
  const { alone: _alone, atEachLevel: _levels, onDevice: _device, ...rest } = group;
  return { ...rest, ...part };
}
