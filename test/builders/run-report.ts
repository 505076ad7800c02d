// The report of a small run that ended well, as the worker writes it.
import type { RunReport } from '../../crds/wire/run-report.ts';

export function aReport(more: Partial<RunReport> = {}): RunReport {
  const before = { step: 0, loss: 2.4, perplexity: 11.02, accuracy: 0.48, tokens: 9000 };
  const after = { step: 20, loss: 2.1, perplexity: 8.17, accuracy: 0.53, tokens: 9000 };
  return {
    version: 1,
    job: { name: 'first', specDigest: 'abc', method: {}, summary: 'LoRA r=16, AdamW, bfloat16' },
    program: { version: '0.1.0', node: '24.12.0' },
    device: { type: 'cpu', name: 'a processor', threads: 2 },
    model: {
      ...{ name: 'SmolLM2-135M-Instruct.Q4_1.gguf', family: 'llama', format: 'GGUF' },
      ...{ parameters: 134_515_008, trainableParameters: 4_884_480 },
    },
    dataset: {
      ...{ digest: 'def', samples: 368, heldOutSamples: 32, sequences: 90 },
      ...{ tokens: 120_000, targetTokens: 60_000, skipped: { TooLong: 4 } },
    },
    training: {
      ...{ steps: 20, totalSteps: 20, tokensSeen: 40_000, firstLoss: 2.9, lastLoss: 2.13 },
      ...{ skippedSteps: 0, rollbacks: 0, stepMs: 2000, tokensPerSecond: 812.4 },
    },
    evaluation: { before, after, best: after, all: [before, after] },
    samples: [
      {
        prompt: 'How do I keep a plant alive?',
        before: 'A plant\nis a plant.',
        after: 'Water it \u001b[31mbefore you leave.',
      },
    ],
    memory: { measured: { peak: 2 ** 30 } },
    artifacts: [
      {
        format: 'PEFTAdapter',
        path: '/results/adapter',
        bytes: 19_500_000,
        reload: { largestLogitGap: 0.000012, klDivergence: 2e-11 },
      },
    ],
    checkpoints: [{ step: 20, path: 'checkpoints/step-20', bytes: 30_000_000, ms: 40 }],
    seconds: { train: 50, total: 61 },
    warnings: [],
    end: {
      ...{ reason: 'Finished', resumedFrom: 0 },
      ...{ startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:01:01Z' },
    },
    ...more,
  } as RunReport;
}

export function aPreparedRecord(path: string) {
  return {
    version: 1,
    model: { path, name: 'SmolLM2-135M-Instruct.Q4_1.gguf', digest: 'm' },
    data: {
      ...{ train: '/tokens', digest: 'd', samples: 368, heldOutSamples: 32 },
      ...{ skipped: {}, tokens: 120_000, targetTokens: 60_000 },
    },
  };
}
