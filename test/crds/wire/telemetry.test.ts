import test from 'ava';
import { type Telemetry, telemetry } from '../../../crds/wire/telemetry.ts';

const memory = { weights: 1, optimizer: 2, gradients: 3, activations: 4, workspace: 5, peak: 15 };

/** One full message of each type: a new type without one does not compile. */
const messages: { readonly [T in Telemetry['type']]: Extract<Telemetry, { type: T }> } = {
  stage: {
    time: 1,
    type: 'stage',
    stage: 'Fetch',
    state: 'Running',
    subject: 'model',
    done: 3,
    total: 9,
    unit: 'Bytes',
  },
  plan: {
    time: 1,
    type: 'plan',
    job: 'first',
    model: { name: 'm', family: 'llama', parameters: 9 },
    method: 'LoRA r=16',
    trainableParameters: 3,
    precision: 'bfloat16',
    device: 'cpu',
    threads: 2,
    totalSteps: 30,
    firstStep: 0,
    sequencesPerStep: 4,
    tokensPerStep: 2048,
    samples: 400,
    heldOutSamples: 32,
    blocks: { keep: 10, recompute: 20, offload: 0 },
    memory,
    memoryLimit: 99,
    hostMemory: { peak: 20, limit: 80 },
  },
  step: {
    time: 1,
    type: 'step',
    step: 1,
    totalSteps: 30,
    epoch: 0.1,
    loss: 2.5,
    targetTokens: 900,
    tokens: 2048,
    tokensSeen: 2048,
    tokensPerSecond: 700.5,
    gradNorm: 1.25,
    clipFactor: 0.8,
    learningRate: 1e-4,
    stepMs: { total: 900, compute: 880, data: 5 },
    memory: { now: 5, peak: 9, device: { now: 7, peak: 8, allocated: 6 } },
  },
  evaluation: {
    time: 1,
    type: 'evaluation',
    step: 0,
    loss: 2.5,
    perplexity: 12.2,
    accuracy: 0.5,
    tokens: 900,
  },
  sample: { time: 1, type: 'sample', step: 0, index: 0, prompt: 'p', text: 't' },
  checkpoint: { time: 1, type: 'checkpoint', step: 30, path: 'step-30', bytes: 9, ms: 4.5 },
  artifact: {
    time: 1,
    type: 'artifact',
    format: 'PEFTAdapter',
    path: 'adapter',
    bytes: 9,
    report: { largestLogitGap: 0 },
  },
  warning: { time: 1, type: 'warning', reason: 'NonFinite', message: 'm', step: 3 },
  end: { time: 1, type: 'end', reason: 'Finished', step: 30, seconds: 99.5 },
  failure: { time: 1, type: 'failure', code: 'E_DIVERGED', reason: 'Diverged', message: 'm' },
};

for (const message of Object.values(messages)) {
  test(`a line of JSON brings back a ${message.type} message as it was`, (t) => {
    t.deepEqual(telemetry.parse(JSON.parse(JSON.stringify(message))), message);
  });

  test(`a ${message.type} message of a newer version is read without what it added`, (t) => {
    t.deepEqual(telemetry.parse({ ...message, addedLater: true }), message);
  });
}

test('a loss that is not finite is null on the wire', (t) => {
  t.true(telemetry.safeParse({ ...messages.step, loss: null }).success);
  t.false(telemetry.safeParse({ ...messages.step, loss: Number.NaN }).success);
});

test('what is no message is refused', (t) => {
  for (const wrong of [
    {},
    { type: 'step', time: 1 },
    { ...messages.end, reason: 'Tired' },
    null,
    'step',
  ]) {
    t.false(telemetry.safeParse(wrong).success);
  }
});
