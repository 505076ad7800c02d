// A job file with comments, made from few answers. The reason of each choice stands beside it, so that it can be changed by
// somebody who has never seen one.
import { apiVersion, kind } from '../../crds/group.ts';
import type { Place } from './place.ts';

export const preferences = ['memory', 'speed', 'quality', 'size'] as const;
export type Preference = (typeof preferences)[number];

interface Answers {
  readonly model: Place;
  readonly data: Place;
  /** Bytes of a GPU; undefined: trained on the processor. */
  readonly gpuMemory: number | undefined;
  readonly prefer: Preference;
}

interface Choice {
  readonly reason: string;
  /** Lines below `method:`. */
  readonly method: readonly string[];
  readonly learningRate: string;
  readonly sequenceLength: number;
  readonly recomputation: string | undefined;
  readonly format: 'PEFTAdapter' | 'MergedSafetensors';
}

const loraWith = (rank: number): readonly string[] => [
  'preset: LoRA            # anneal explain LoRA',
  `adapter: { type: LoRA, lora: { rank: ${rank}, alpha: "${2 * rank}" } }`,
];

const choices: Readonly<Record<Preference, Choice>> = {
  memory: {
    reason: 'memory: small adapters beside a frozen model; inner values are computed twice',
    method: loraWith(8),
    learningRate: '2e-4',
    sequenceLength: 512,
    recomputation: 'Full',
    format: 'PEFTAdapter',
  },
  speed: {
    reason: 'speed: adapters beside a frozen model; the gradients of its weights are never made',
    method: loraWith(16),
    learningRate: '2e-4',
    sequenceLength: 1024,
    recomputation: undefined,
    format: 'PEFTAdapter',
  },
  quality: {
    reason: 'quality: all weights move; needs the most memory and leaves a whole model',
    method: ['preset: Full            # anneal explain Full'],
    learningRate: '1e-5',
    sequenceLength: 1024,
    recomputation: undefined,
    format: 'MergedSafetensors',
  },
  size: {
    reason: 'size: the smallest result, an adapter of low rank',
    method: loraWith(4),
    learningRate: '3e-4',
    sequenceLength: 1024,
    recomputation: undefined,
    format: 'PEFTAdapter',
  },
};

export function manifestText({ model, data, gpuMemory, prefer }: Answers): string {
  const choice = choices[prefer];
  const lines = [
    '# Written by anneal init. Next:',
    '#   anneal estimate FILE    will it fit, and how long does it take?',
    '#   anneal run FILE         train on this machine',
    '#   anneal explain PATH     what a field means, such as training.learningRate',
    `apiVersion: ${apiVersion}`,
    `kind: ${kind}`,
    'metadata:',
    `  name: ${jobName(model.name)}`,
    'spec:',
    '  model:',
    `    source: ${flow(model.source)}`,
    '  dataset:',
    `    train: ${flow(data.source)}`,
    '    heldOut: { percent: "2" }   # never learned from; tells whether learning helps',
    `    sequenceLength: ${String(choice.sequenceLength).padEnd(11)} # longer takes more memory`,
    '    packing: Packed             # no time is spent on padding',
    `  # ${choice.reason}`,
    '  method:',
    ...choice.method.map((line) => `    ${line}`),
    '    precision: { type: BFloat16 }',
    '  training:',
    '    epochs: "1"',
    '    globalBatchSize: 8          # sequences of one step',
    `    learningRate: "${choice.learningRate}"`,
    '    schedule: { type: Cosine, warmupSteps: 10 }',
    ...(choice.recomputation === undefined
      ? []
      : ['  parallelism:', `    activationRecomputation: ${choice.recomputation}`]),
    `  worker: { devicesPerWorker: ${gpuMemory === undefined ? '0 }   # 0 is the processor' : '1 }'}`,
    '  output:',
    `    formats: [${choice.format}]`,
    ...destinationLines(model, data),
  ];
  return `${lines.join('\n')}\n`;
}

/** Results go where the inputs are: what lies on this machine stays on it. */
function destinationLines(model: Place, data: Place): readonly string[] {
  if (model.isLocal || data.isLocal) {
    return ['    destination:', '      local: { path: results }   # beside this file'];
  }
  return [
    '    # On one machine a claim is a folder of the cache; on a cluster it is a volume.',
    '    destination:',
    '      persistentVolumeClaim: { claimName: results }',
  ];
}

function flow(source: Place['source']): string {
  const members = Object.entries(source).map(([member, fields]) => {
    const inside = Object.entries(fields).map(([key, value]) => `${key}: ${scalar(value)}`);
    return `${member}: { ${inside.join(', ')} }`;
  });
  return `{ ${members.join(', ')} }`;
}

function scalar(text: string): string {
  return /^[A-Za-z][\w./-]*$/.test(text) ? text : JSON.stringify(text);
}

/** A name that Kubernetes takes. */
function jobName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  return name === '' || /^\d+$/.test(name) ? 'job' : name;
}
