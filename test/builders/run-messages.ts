// What a worker says in a small run, from the first stage to the end: for tests of views.
import type { Telemetry, TelemetryBody } from '../../crds/wire/telemetry.ts';

const gib = 2 ** 30;

/** Messages of a run of so many steps, one a second from the time 1000 on. */
export function messagesOfARun(totalSteps = 20): readonly Telemetry[] {
  return bodies(totalSteps).map((body, index) => ({ ...body, time: 1000 + index }) as Telemetry);
}

function bodies(totalSteps: number): readonly TelemetryBody[] {
  return [
    {
      type: 'stage',
      stage: 'Fetch',
      state: 'Running',
      subject: 'model',
      done: 12e6,
      total: 98e6,
      unit: 'Bytes',
    },
    { type: 'stage', stage: 'Prepare', state: 'Done', note: '400 records, 120,000 tokens' },
    { type: 'stage', stage: 'Load', state: 'Started' },
    aPlan(totalSteps),
    { type: 'evaluation', step: 0, loss: 2.4, perplexity: 11.02, accuracy: 0.48, tokens: 9000 },
    { type: 'sample', step: 0, index: 0, prompt: 'How are you?', text: 'I am a model.' },
    ...Array.from({ length: totalSteps }, (_, index) => aStep(index + 1, totalSteps)),
    {
      type: 'checkpoint',
      step: totalSteps,
      path: 'checkpoints/step-20',
      bytes: 30 * 2 ** 20,
      ms: 40,
    },
    {
      type: 'evaluation',
      step: totalSteps,
      loss: 2.1,
      perplexity: 8.17,
      accuracy: 0.53,
      tokens: 9000,
    },
    {
      type: 'sample',
      step: totalSteps,
      index: 0,
      prompt: 'How are you?',
      text: 'Fine, thank you.',
    },
    { type: 'stage', stage: 'Export', state: 'Started', subject: 'PEFTAdapter' },
    {
      type: 'artifact',
      format: 'PEFTAdapter',
      path: 'adapter',
      bytes: 19e6,
      report: { largestLogitGap: 0.000012, klDivergence: 2e-11 },
    },
    { type: 'end', reason: 'Finished', step: totalSteps, seconds: 60 },
  ];
}

function aPlan(totalSteps: number): TelemetryBody {
  return {
    type: 'plan',
    job: 'first',
    model: { name: 'SmolLM2-135M-Instruct', family: 'llama', parameters: 134_515_008 },
    method: 'LoRA r=16 on all linear layers, AdamW, bfloat16',
    trainableParameters: 4_884_480,
    precision: 'BFloat16',
    device: 'cpu',
    threads: 2,
    totalSteps,
    firstStep: 0,
    sequencesPerStep: 4,
    tokensPerStep: 2048,
    samples: 368,
    heldOutSamples: 32,
    blocks: { keep: 30, recompute: 0, offload: 0 },
    memory: {
      weights: Math.round(0.25 * gib),
      optimizer: Math.round(0.04 * gib),
      gradients: Math.round(0.02 * gib),
      activations: Math.round(0.3 * gib),
      workspace: Math.round(0.4 * gib),
      peak: Math.round(1.01 * gib),
    },
  };
}

/** A loss that falls with a wave on it. */
export function aStep(step: number, totalSteps: number): TelemetryBody {
  return {
    type: 'step',
    step,
    totalSteps,
    epoch: step / totalSteps,
    loss: 2.1 + 0.9 * Math.exp(-step / 6) + 0.05 * Math.sin(step),
    targetTokens: 900,
    tokens: 2000,
    tokensSeen: 2000 * step,
    tokensPerSecond: 812.4,
    gradNorm: 0.83,
    clipFactor: 1,
    learningRate: 0.00039,
    stepMs: { total: 1000, compute: 950, data: 5 },
    memory: { now: Math.round(0.9 * gib), peak: gib },
  };
}
