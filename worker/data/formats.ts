// The shapes of records that are supported, as a table: how each is recognised and converted. A
// shape claims a record by its fields alone; the conversion checks their content.
import type { Dataset } from '../../crds/api/dataset.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { toLabel } from './class-labels.ts';
import { type Fields, isFields, toMessages, toTools } from './messages.ts';
import { pictureShapes } from './picture-shapes.ts';
import type { Conversation, Message, Sample } from './sample.ts';
import { soundShapes } from './sound-shapes.ts';

/** The values of spec.dataset.format, without Auto. */
export type Format = Exclude<Dataset['format'], 'Auto'>;

export interface Shape {
  readonly name: string;
  /** Formats that include this shape. */
  readonly formats: readonly Format[];
  /** Fields that the shape reads. */
  readonly keys: readonly string[];
  readonly claims: (record: Fields) => boolean;
  /** Throws UnusableRecord. */
  readonly convert: (record: Fields, hasTemplate: boolean) => Sample;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isConversation = (value: unknown) => isText(value) || Array.isArray(value);

/** Names of the two texts of a pair that has a class. */
const classPairs = [
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question', 'sentence'],
  ['text', 'text_pair'],
] as const;

const textShapes: readonly Shape[] = [
  {
    name: 'messages',
    formats: ['Chat'],
    keys: ['messages', 'tools'],
    claims: (record) => Array.isArray(record['messages']),
    convert: (record) => chat(toMessages(record['messages'], 'messages'), record),
  },
  {
    name: 'sharegpt',
    formats: ['Chat'],
    keys: ['conversations', 'system', 'tools'],
    claims: (record) => Array.isArray(record['conversations']),
    convert: (record) =>
      chat([...systemOf(record), ...toMessages(record['conversations'], 'conversations')], record),
  },
  {
    name: 'alpaca',
    formats: ['Chat', 'PromptCompletion'],
    keys: ['instruction', 'input', 'output', 'system', 'history'],
    claims: (record) => isText(record['instruction']) && isText(record['output']),
    convert: convertAlpaca,
  },
  {
    name: 'prompt and completion',
    formats: ['PromptCompletion', 'Chat'],
    keys: ['prompt', 'completion', 'tools'],
    claims: (record) =>
      isConversation(record['prompt']) &&
      isConversation(record['completion']) &&
      typeof record['label'] !== 'boolean',
    convert: convertPromptCompletion,
  },
  {
    name: 'preference',
    formats: ['Preference'],
    keys: ['prompt', 'chosen', 'rejected'],
    claims: (record) => isConversation(record['chosen']) && isConversation(record['rejected']),
    convert: convertPreference,
  },
  {
    name: 'unpaired preference',
    formats: ['Preference'],
    keys: ['prompt', 'completion', 'label'],
    claims: (record) =>
      isConversation(record['prompt']) &&
      isConversation(record['completion']) &&
      typeof record['label'] === 'boolean',
    convert: (record) => ({
      type: 'Preference',
      prompt: toConversation(record['prompt'], 'prompt'),
      [record['label'] === true ? 'chosen' : 'rejected']: toConversation(
        record['completion'],
        'completion',
      ),
    }),
  },
  {
    name: 'segments',
    formats: ['Tokenized'],
    keys: ['segments'],
    claims: (record) => Array.isArray(record['segments']),
    convert: convertSegments,
  },
  {
    name: 'text',
    formats: ['Text'],
    keys: ['text'],
    claims: (record) => isText(record['text']),
    convert: (record) => ({ type: 'Text', text: asText(record['text'], 'text') }),
  },
  {
    name: 'tokens',
    formats: ['Tokenized'],
    keys: ['input_ids', 'labels', 'mask'],
    claims: (record) => Array.isArray(record['input_ids']),
    convert: convertTokens,
  },
  classified('text'),
  classified('sentence'),
  ...classPairs.map(([first, second]) => classified(first, second)),
];

export const shapes: readonly Shape[] = [...textShapes, ...pictureShapes, ...soundShapes];

/** What the records of a file are about: columns of files are large, and read for them alone. */
export type About = 'Texts' | 'Pictures' | 'Sounds';

/** Fields that any shape of its kind reads: the columns to read from a parquet file. */
export const recordKeys: Readonly<Record<About, ReadonlySet<string>>> = {
  Texts: new Set(textShapes.flatMap((shape) => shape.keys)),
  Pictures: new Set(pictureShapes.flatMap((shape) => shape.keys)),
  Sounds: new Set(soundShapes.flatMap((shape) => shape.keys)),
};

/** Converts a record of a shape to a sample; throws UnusableRecord with the reason. */
export function toSample(shape: Shape, value: unknown, hasTemplate: boolean): Sample {
  if (!isFields(value)) throw new UnusableRecord('is not an object with fields');
  if (!shape.claims(value)) {
    throw new UnusableRecord(
      `is not of the shape ${shape.name}: it needs ${shape.keys.join(', ')}`,
    );
  }
  return shape.convert(value, hasTemplate);
}

function chat(messages: readonly Message[], record: Fields): Sample {
  const tools = toTools(record['tools']);
  return { type: 'Chat', messages, ...(tools !== undefined && { tools }) };
}

function systemOf(record: Fields): Message[] {
  const system = record['system'];
  return isText(system) && system !== '' ? [turn('system', system)] : [];
}

function turn(role: Message['role'], content: string): Message {
  return { role, content: content.toWellFormed(), isTarget: true };
}

function convertAlpaca(record: Fields, hasTemplate: boolean): Sample {
  const input = record['input'];
  const hasInput = isText(input) && input !== '';
  const prompt = asText(record['instruction'], 'instruction') + (hasInput ? `\n${input}` : '');
  const completion = asText(record['output'], 'output');
  // Without a template nothing else separates question and answer.
  if (!hasTemplate) return { type: 'PromptCompletion', prompt: `${prompt}\n`, completion };
  const past = (Array.isArray(record['history']) ? record['history'] : []).flatMap((pair) => {
    if (!Array.isArray(pair) || !isText(pair[0]) || !isText(pair[1])) {
      throw new UnusableRecord('has a history that is not a list of [question, answer]');
    }
    return [turn('user', pair[0]), turn('assistant', pair[1])];
  });
  const messages = [...past, turn('user', prompt), turn('assistant', completion)];
  return { type: 'Chat', messages: [...systemOf(record), ...messages] };
}

function convertPromptCompletion(record: Fields): Sample {
  const prompt = toConversation(record['prompt'], 'prompt');
  const completion = toConversation(record['completion'], 'completion');
  if (isText(prompt) && isText(completion)) return { type: 'PromptCompletion', prompt, completion };
  if (isText(prompt) || isText(completion)) {
    throw new UnusableRecord('has a prompt and a completion of which only one is text');
  }
  const before = prompt.map((message) => ({ ...message, isTarget: false }));
  return chat([...before, ...completion], record);
}

function convertPreference(record: Fields): Sample {
  const chosen = toConversation(record['chosen'], 'chosen');
  const rejected = toConversation(record['rejected'], 'rejected');
  if (isText(chosen) !== isText(rejected)) {
    throw new UnusableRecord('has chosen and rejected of which only one is text');
  }
  if (record['prompt'] !== undefined && record['prompt'] !== null) {
    return {
      type: 'Preference',
      prompt: toConversation(record['prompt'], 'prompt'),
      chosen,
      rejected,
    };
  }
  const shared = sharedStart(chosen, rejected);
  return {
    type: 'Preference',
    prompt: chosen.slice(0, shared),
    chosen: chosen.slice(shared),
    rejected: rejected.slice(shared),
  };
}

function sharedStart(a: Conversation, b: Conversation): number {
  const same = (index: number) => JSON.stringify(a[index]) === JSON.stringify(b[index]);
  const shortest = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < shortest && same(shared)) shared += 1;
  return shared;
}

/** A text with its class, or two texts with one class; a field of one text may be of a pair. */
function classified(first: string, second?: string): Shape {
  const others = classPairs.flatMap(([a, b]) => (a === first ? [b] : b === first ? [a] : []));
  const claims = (record: Fields) => {
    if (!isText(record[first]) || record['label'] === undefined) return false;
    return second === undefined
      ? others.every((other) => !isText(record[other]))
      : isText(record[second]);
  };
  const keys = second === undefined ? [first, 'label'] : [first, second, 'label'];
  return {
    name: `${keys.slice(0, -1).join(' and ')} with a class`,
    formats: ['TextClassification'],
    keys,
    claims,
    convert: (record) => ({
      type: 'TextClassification',
      text: asText(record[first], first),
      ...(second !== undefined && { pair: asText(record[second], second) }),
      label: toLabel(record['label']),
    }),
  };
}

function convertSegments(record: Fields): Sample {
  const list = record['segments'];
  const segments = (Array.isArray(list) ? list : []).map((segment) => {
    if (!isFields(segment) || !isText(segment['text']) || typeof segment['label'] !== 'boolean') {
      throw new UnusableRecord('has segments that are not all {label: true or false, text}');
    }
    return { text: segment['text'].toWellFormed(), isTarget: segment['label'] };
  });
  return { type: 'Segments', segments };
}

function convertTokens(record: Fields): Sample {
  const tokens = toIntegers(record['input_ids'], 'input_ids');
  const labels = record['labels'] ?? undefined;
  const mask = record['mask'] ?? undefined;
  if (labels === undefined && mask === undefined) return { type: 'Tokenized', tokens };
  const name = labels === undefined ? 'mask' : 'labels';
  const marks = toIntegers(labels ?? mask, name);
  if (marks.length !== tokens.length) {
    throw new UnusableRecord(`has ${tokens.length} input_ids and ${marks.length} ${name}`);
  }
  if (labels === undefined)
    return { type: 'Tokenized', tokens, targets: marks.map((mark) => mark !== 0) };
  const other = marks.findIndex((mark, index) => mark !== -100 && mark !== tokens[index]);
  if (other >= 0) {
    throw new UnusableRecord(`has labels[${other}] that is neither -100 nor input_ids[${other}]`);
  }
  return { type: 'Tokenized', tokens, targets: marks.map((mark) => mark !== -100) };
}

function toIntegers(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) throw new UnusableRecord(`has ${name} that is not a list`);
  return value.map((item, index) => {
    const number = typeof item === 'bigint' || typeof item === 'boolean' ? Number(item) : item;
    if (!Number.isSafeInteger(number)) {
      throw new UnusableRecord(`has ${name}[${index}] that is not a whole number`);
    }
    return number;
  });
}

function toConversation(value: unknown, name: string): Conversation {
  return isText(value) ? asText(value, name) : toMessages(value, name);
}

function asText(value: unknown, name: string): string {
  if (!isText(value)) throw new UnusableRecord(`has ${name} that is not text`);
  return value.toWellFormed();
}
