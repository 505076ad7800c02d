// A job file with comments, made from a few answers. Each choice is explained beside it, so that a
// new user can change it.
import { parse } from 'yaml';
import { apiVersion, kind } from '../../crds/names/group.ts';
import type { Goal, Question } from './questions.ts';
import type { WrittenSource } from './written-source.ts';

export const preferences = ['memory', 'speed', 'quality', 'size'] as const;
export type Preference = (typeof preferences)[number];

export interface Answers {
  readonly goal: Goal;
  readonly model: WrittenSource;
  readonly data: WrittenSource;
  /** Folders of the data that have pictures. */
  readonly classes: readonly string[];
  /** Bytes of a GPU; undefined for the processor. */
  readonly gpuMemory: number | undefined;
  readonly prefer: Preference;
}

interface Choice {
  readonly reason: string;
  readonly preset: string;
  /** Lines below `method:` besides the preset. */
  readonly adapter: readonly string[];
  readonly learningRate: string;
  readonly sequenceLength: number;
  readonly recomputation: string | undefined;
  /** Lines below `output:` besides the destination. */
  readonly output: readonly string[];
}

const loraWith = (rank: number, preset: 'LoRA' | 'QLoRA' = 'LoRA') => ({
  preset,
  adapter: [`adapter: { type: LoRA, lora: { rank: ${rank}, alpha: "${2 * rank}" } }`],
});

export const choices: Readonly<Record<Preference, Choice>> = {
  memory: {
    reason:
      'memory: the model is frozen in 4 bits, adapters are trained beside it; activations are recomputed',
    ...loraWith(16, 'QLoRA'),
    learningRate: '2e-4',
    sequenceLength: 512,
    recomputation: 'Full',
    output: ['formats: [PEFTAdapter]'],
  },
  speed: {
    reason: 'speed: adapters beside a frozen model; its weights need no gradients',
    ...loraWith(16),
    learningRate: '2e-4',
    sequenceLength: 1024,
    recomputation: undefined,
    output: ['formats: [PEFTAdapter]'],
  },
  quality: {
    reason: 'quality: all weights are trained; needs the most memory and leaves a whole model',
    preset: 'Full',
    adapter: [],
    learningRate: '1e-5',
    sequenceLength: 1024,
    recomputation: undefined,
    output: ['formats: [MergedSafetensors]'],
  },
  size: {
    reason: 'size: the smallest model that runs, merged and in 4 to 6 bits a weight for llama.cpp',
    ...loraWith(16),
    learningRate: '2e-4',
    sequenceLength: 1024,
    recomputation: undefined,
    output: [
      'formats: [GGUF]             # one file for llama.cpp; evaluated before it is published',
      'gguf: { type: Q4_K, calibrationSequences: 32 }',
    ],
  },
};

/** A line and the question that adds it. */
export interface ManifestLine {
  readonly of: Question;
  readonly text: string;
}

interface Learning {
  readonly learns: 'Texts' | 'Pictures';
  /** Lines below `dataset:` besides the source. */
  readonly format: readonly string[];
  readonly sequenceLength: number | undefined;
  readonly length: readonly string[];
  readonly globalBatchSize: number;
  readonly warmupSteps: number;
}

const learnings: Readonly<Record<Goal, Learning>> = {
  chat: {
    learns: 'Texts',
    format: [],
    sequenceLength: undefined,
    length: ['epochs: "1"'],
    globalBatchSize: 8,
    warmupSteps: 10,
  },
  text: {
    learns: 'Texts',
    format: ['format: Text'],
    sequenceLength: undefined,
    length: ['epochs: "1"'],
    globalBatchSize: 8,
    warmupSteps: 10,
  },
  pictures: {
    learns: 'Pictures',
    format: [],
    sequenceLength: undefined,
    length: ['epochs: "1"'],
    globalBatchSize: 32,
    warmupSteps: 10,
  },
  try: {
    learns: 'Texts',
    format: ['maxSamples: 200             # a sample; remove it to train on all'],
    sequenceLength: 256,
    length: ['maxSteps: 20                # or epochs: "1" for one epoch'],
    globalBatchSize: 2,
    warmupSteps: 3,
  },
};

export function manifestText(answers: Answers): string {
  return manifestLines(answers)
    .map(({ text }) => `${text}\n`)
    .join('');
}

/** In the order of the file, which is not the order of the questions. */
export function manifestLines(answers: Answers): readonly ManifestLine[] {
  const { model, data, gpuMemory, prefer, goal } = answers;
  const choice = choices[prefer];
  const learning = learnings[goal];
  const ofPictures = learning.learns === 'Pictures';
  // Its file is for language models alone.
  const output = ofPictures && prefer === 'size' ? choices.quality.output : choice.output;
  return [
    ...of(
      'goal',
      '# Written by anneal init. Next:',
      '#   anneal estimate FILE    will it fit, and how long does it take?',
      '#   anneal run FILE         train on this machine',
      '#   anneal explain PATH     what a field means, such as training.learningRate',
      `apiVersion: ${apiVersion}`,
      `kind: ${kind}`,
    ),
    ...of('model', 'metadata:', `  name: ${scalar(jobName(model.name))}`),
    ...of('goal', 'spec:'),
    ...of('model', '  model:', `    source: ${flow(model.source)}`),
    ...dataLines(answers),
    ...of('prefer', `  # ${choice.reason}`, '  method:'),
    ...of('prefer', `    preset: ${choice.preset}            # anneal explain ${choice.preset}`),
    ...of('prefer', ...choice.adapter.map((line) => `    ${line}`)),
    ...of('prefer', '    precision: { type: BFloat16 }'),
    ...of('goal', '  training:', ...learning.length.map((line) => `    ${line}`)),
    ...of(
      'goal',
      `    globalBatchSize: ${String(learning.globalBatchSize).padEnd(10)} # ${ofPictures ? 'pictures' : 'sequences'} of one step`,
    ),
    ...(ofPictures
      ? of('goal', '    microBatchSize: 32          # pictures computed at once')
      : []),
    ...of('prefer', `    learningRate: "${choice.learningRate}"`),
    ...of('goal', `    schedule: { type: Cosine, warmupSteps: ${learning.warmupSteps} }`),
    ...(choice.recomputation === undefined
      ? []
      : of('prefer', '  parallelism:', `    activationRecomputation: ${choice.recomputation}`)),
    ...of(
      'device',
      `  worker: { devicesPerWorker: ${gpuMemory === undefined ? '0 }   # 0 is the processor' : '1 }'}`,
    ),
    ...of('prefer', '  output:', ...output.map((line) => `    ${line}`)),
    ...of('prefer', ...destinationLines(model, data)),
  ];
}

function of(question: Question, ...texts: readonly string[]): readonly ManifestLine[] {
  return texts.map((text) => ({ of: question, text }));
}

/** The task, and what is below `dataset:`. */
function dataLines({ data, prefer, goal, classes }: Answers): readonly ManifestLine[] {
  const { learns, format, sequenceLength } = learnings[goal];
  const train = of('data', '  dataset:', `    train: ${flow(data.source)}`);
  const heldOut = of(
    'data',
    ...format.map((line) => `    ${line}`),
    '    heldOut: { percent: "2" }   # never trained on; tells whether learning helps',
  );
  if (learns === 'Pictures') {
    const task = of('goal', '    task: ImageClassification   # it gives a picture a class');
    return [...task, ...train, ...of('data', labelsLine(classes)), ...heldOut];
  }
  const tokens = sequenceLength ?? choices[prefer].sequenceLength;
  return [
    ...[...train, ...heldOut],
    ...of('prefer', `    sequenceLength: ${String(tokens).padEnd(11)} # longer takes more memory`),
    ...of('data', '    packing: Packed             # no time is spent on padding'),
  ];
}

/** Names of classes; two to be replaced, where no folders say them. */
function labelsLine(classes: readonly string[]): string {
  return classes.length < 2
    ? '    labels: [first, second]     # replace them by your classes, in the order of their numbers'
    : `    labels: [${classes.map(scalar).join(', ')}]   # the folders`;
}

/** Results go where the inputs are: local inputs give local results. */
function destinationLines(model: WrittenSource, data: WrittenSource): readonly string[] {
  if (model.isLocal || data.isLocal) {
    return ['    destination:', '      local: { path: results }   # beside this file'];
  }
  return [
    '    # On one machine a claim is a folder of the cache; on a cluster it is a volume.',
    '    destination:',
    '      persistentVolumeClaim: { claimName: results }',
  ];
}

function flow(source: WrittenSource['source']): string {
  const members = Object.entries(source).map(([member, fields]) => {
    const inside = Object.entries(fields).map(([key, value]) => `${key}: ${scalar(value)}`);
    return `${member}: { ${inside.join(', ')} }`;
  });
  return `{ ${members.join(', ')} }`;
}

/**
 * Unquoted only where every YAML parser reads a string: kubectl takes `on` and `no` for booleans,
 * others `0e0` for a number.
 */
function scalar(text: string): string {
  const isPlain = /^\w[\w./-]*$/.test(text);
  return isPlain && versions.every((version) => parse(text, { version }) === text)
    ? text
    : JSON.stringify(text);
}

const versions = ['1.1', '1.2'] as const;

/** A name that Kubernetes accepts. */
function jobName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  return name === '' || /^\d+$/.test(name) ? 'job' : name;
}
