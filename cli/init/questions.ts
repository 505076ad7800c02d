// The five questions of `anneal init` and their options; the first option is the recommended one.
// Pure: facts about this machine and a cluster are inputs.
import { explainMethod } from '../../crds/explain/explain-method.ts';
import type { Device } from '../estimate/devices.ts';
import { choices, type preferences } from './manifest-text.ts';

export const questions = ['goal', 'model', 'data', 'device', 'prefer'] as const;
export type Question = (typeof questions)[number];

/** The questions, for somebody who has never trained a model. */
export const asked: Readonly<Record<Question, string>> = {
  goal: 'What should the model learn?',
  model: 'Which model does it start from?',
  data: 'What does it learn from?',
  device: 'Where does it train?',
  prefer: 'What matters most?',
};

export interface Option {
  /** Identifies the answer; for a source, the source itself. */
  readonly id: string;
  readonly label: string;
  /** Why to choose it. */
  readonly why: string;
}

/** The option with a typed answer. */
export const other = 'other';

export interface DeviceOption extends Option {
  readonly device: Device;
}

/** Facts about this machine and a cluster. */
export interface Found {
  readonly models: readonly Option[];
  readonly data: readonly Option[];
  readonly devices: readonly DeviceOption[];
}

const goals = ['chat', 'text', 'pictures', 'try'] as const;
export type Goal = (typeof goals)[number];

const goalOptions: readonly Option[] = [
  {
    id: 'chat',
    label: 'answer as in my conversations',
    why: 'Records are conversations, or prompts with their answers; only the answers are target tokens.',
  },
  {
    id: 'text',
    label: 'know my texts',
    why: 'Records are plain text. Long ones are split; every token is a target.',
  },
  {
    id: 'pictures',
    label: 'tell my pictures apart',
    why: 'Pictures lie in folders that are named by their classes, or records name both. The model is a vision transformer.',
  },
  {
    id: 'try',
    label: 'nothing yet: I want to see it work',
    why: 'Twenty steps on two hundred records: minutes on a processor.',
  },
];

const sourceForms =
  'A source is owner/name on the Hugging Face hub, s3://bucket/prefix, claim:NAME/path in a volume, or a path on this machine.';

const typedOption: Option = { id: other, label: 'another source', why: sourceForms };

/** The memory of each preference on the chosen device, where known: bytes, and whether they fit. */
export type Needs = Readonly<
  Partial<Record<(typeof preferences)[number], { readonly words: string; readonly fits: boolean }>>
>;

export function optionsOf(
  question: Question,
  found: Found,
  needs: Needs,
  goal: string | undefined,
): readonly Option[] {
  switch (question) {
    case 'goal':
      return goalOptions;
    case 'model':
      return [
        ...found.models,
        ...(goal === 'pictures' ? modelsOfPictures : modelsOfTheHub),
        typedOption,
      ];
    case 'data':
      return [...found.data, typedOption];
    case 'device':
      return found.devices;
    case 'prefer':
      return preferOptions(needs);
  }
}

/** Small to large, of supported families; none needs a token of the hub. */
const modelsOfTheHub: readonly Option[] = [
  {
    id: 'HuggingFaceTB/SmolLM2-360M-Instruct',
    label: 'HuggingFaceTB/SmolLM2-360M-Instruct',
    why: '0.36 B parameters: learns on a processor.',
  },
  {
    id: 'Qwen/Qwen2.5-1.5B-Instruct',
    label: 'Qwen/Qwen2.5-1.5B-Instruct',
    why: '1.5 B parameters: a small GPU, or a patient processor.',
  },
  {
    id: 'Qwen/Qwen2.5-7B-Instruct',
    label: 'Qwen/Qwen2.5-7B-Instruct',
    why: '7.6 B parameters: a GPU of 24 GiB or more.',
  },
];

const modelsOfPictures: readonly Option[] = [
  {
    id: 'facebook/dinov2-small',
    label: 'facebook/dinov2-small',
    why: '22 M parameters: learns on a processor.',
  },
  {
    id: 'google/vit-base-patch16-224-in21k',
    label: 'google/vit-base-patch16-224-in21k',
    why: '86 M parameters: a GPU, or a patient processor.',
  },
];

const preferWords: Readonly<Record<(typeof preferences)[number], string>> = {
  speed: 'speed',
  memory: 'little memory',
  quality: 'quality',
  size: 'a small model',
};

/** What fits comes first; otherwise in the usual order of preference. */
function preferOptions(needs: Needs): readonly Option[] {
  const usual = ['speed', 'memory', 'quality', 'size'] as const;
  const fits = (one: (typeof usual)[number]) => needs[one]?.fits !== false;
  const ordered = [...usual.filter(fits), ...usual.filter((one) => !fits(one))];
  return ordered.map((id) => {
    const need = needs[id]?.words;
    return {
      id,
      label: need === undefined ? preferWords[id] : `${preferWords[id].padEnd(15)} ${need}`,
      why: `${sentence(choices[id].reason)} ${methodWords(id)}`,
    };
  });
}

/** The suggested method and its paper. */
function methodWords(id: (typeof preferences)[number]): string {
  const [doc] = explainMethod(choices[id].preset);
  const { paper } = doc ?? {};
  const from = paper === undefined ? '' : ` (${paper.title}, arXiv ${paper.arxiv})`;
  return `Method ${choices[id].preset}${from}.`;
}

/** `speed: adapters beside …` without its first word, as a sentence. */
function sentence(reason: string): string {
  const text = reason.slice(reason.indexOf(': ') + 2);
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`;
}
