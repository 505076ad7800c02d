// A sample → documents: tokens and targets, divided to fit into a sequence. The rules are plain
// data, from which every thread creates the same encoder.
import { Bug } from '../../crds/failures/errors.ts';
import { renderChat } from '../data/chat.ts';
import { type ChatTemplate, compileTemplate } from '../data/chat-template.ts';
import type { ClassSample, Range, Sample } from '../data/sample.ts';
import { isSilent } from '../data/silent.ts';
import { encodeWithRanges } from '../data/spans.ts';
import { specialTokensOf } from '../data/special-tokens.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { type ClassRules, encodeClassified } from './encode-classified.ts';

export type Overlength = 'Split' | 'Truncate' | 'Skip' | 'Fail';

export interface EncodingRules {
  readonly tokenizer: TokenizerDefinition;
  readonly template?: {
    readonly source: string;
    readonly arguments?: Readonly<Record<string, unknown>> | undefined;
    /** The date that templates see. */
    readonly date: Date;
  };
  readonly sequenceLength: number;
  /** @default Split for text, else Skip */
  readonly overlength: Overlength | undefined;
  /** Names of the classes, where records have one. */
  readonly labels?: readonly string[] | undefined;
}

export interface EncodedDocument {
  readonly ids: readonly number[];
  /**
   * One for each token: 1 for a target, or where the document has a class, for a token of the
   * second text of a pair.
   */
  readonly marks: Uint8Array;
  readonly class?: number;
  /** Its picture or sound, as the store keeps it. */
  readonly packed?: Uint8Array;
}

export type SkipReason = 'Invalid' | 'NoTargets' | 'TooLong';

export interface Skipped {
  readonly skipped: SkipReason;
  /** Completes "FILE:LINE …". */
  readonly detail: string;
}

export interface Kept {
  readonly documents: readonly EncodedDocument[];
  /** Number of tokens cut off. */
  readonly lost: number;
  /** Set when its answers are empty. */
  readonly silent?: true;
}

export type Encoder = (sample: Sample) => Kept | Skipped;

export function createEncoder(
  rules: EncodingRules,
  tokenizer: Tokenizer = createTokenizer(rules.tokenizer),
): Encoder {
  const { bos, eos } = rules.tokenizer;
  const template = rules.template && compileTemplate({ ...rules.template, bos, eos });
  const classRules = classRulesOf(rules, tokenizer);
  return (sample) => {
    try {
      if (sample.type === 'TextClassification') return classified(sample, classRules, tokenizer);
      const overlength = rules.overlength ?? (sample.type === 'Text' ? 'Split' : 'Skip');
      const most = overlength === 'Skip' ? rules.sequenceLength : Number.POSITIVE_INFINITY;
      const whole = encode(sample, tokenizer, template, most);
      if (whole === undefined) return tooLong('more', rules);
      if (whole.marks.indexOf(1, 1) < 0) return noTargets;
      const kept = cut(whole, rules, overlength);
      return 'documents' in kept && isSilent(sample) ? { ...kept, silent: true } : kept;
    } catch (error) {
      if (error instanceof UnusableRecord) return { skipped: 'Invalid', detail: error.message };
      throw error;
    }
  };
}

/** Throws where the tokenizer or the rules are not for texts with a class. */
function classRulesOf(rules: EncodingRules, tokenizer: Tokenizer): ClassRules | undefined {
  const { labels, sequenceLength, overlength = 'Skip' } = rules;
  if (labels === undefined) return undefined;
  if (overlength === 'Split') throw new Bug('texts with a class are not split');
  const specialTokens = specialTokensOf(rules.tokenizer.json, tokenizer.vocabularySize);
  return { labels, specialTokens, sequenceLength, overlength };
}

function classified(
  sample: ClassSample,
  rules: ClassRules | undefined,
  tokenizer: Tokenizer,
): Kept | Skipped {
  if (rules === undefined) throw new Bug('a text with a class, and no names of classes');
  const found = encodeClassified(sample, rules, tokenizer);
  if ('tooLong' in found) return tooLong(found.tooLong, rules);
  return { documents: [found.document], lost: found.lost };
}

const noTargets: Skipped = { skipped: 'NoTargets', detail: 'has no target tokens' };
const empty: EncodedDocument = { ids: [], marks: new Uint8Array(0) };

/** Undefined for a sample of more than `most` tokens, where that is known early. */
function encode(
  sample: Sample,
  tokenizer: Tokenizer,
  template: ChatTemplate | undefined,
  most: number,
): EncodedDocument | undefined {
  switch (sample.type) {
    case 'Text':
      return withEnds(sample.text, { start: 0, end: sample.text.length }, tokenizer, most);
    case 'PromptCompletion': {
      const text = sample.prompt + sample.completion;
      return withEnds(text, { start: sample.prompt.length, end: text.length }, tokenizer, most);
    }
    case 'Segments': {
      const text = sample.segments.map((segment) => segment.text).join('');
      return marked(text, () => targetSegments(sample.segments), tokenizer, most);
    }
    case 'Tokenized': {
      const outside = sample.tokens.find((id) => id < 0 || id >= tokenizer.vocabularySize);
      if (outside !== undefined) {
        throw new UnusableRecord(
          `has the token ${outside}; the vocabulary has ${tokenizer.vocabularySize}`,
        );
      }
      const marks = Uint8Array.from(sample.tokens, (_, i) =>
        (sample.targets?.[i] ?? true) ? 1 : 0,
      );
      return { ids: sample.tokens, marks };
    }
    case 'Chat': {
      if (!sample.messages.some((message) => message.role === 'assistant' && message.isTarget)) {
        return empty;
      }
      if (template === undefined) throw new Bug('a conversation without a chat template');
      const chat = renderChat(sample, template, tokenizer.specialTexts);
      // The template has written all special tokens. Turns are told apart by rendering each once
      // more, which a conversation that is too long is spared.
      return marked(chat.text, chat.targets, tokenizer, most);
    }
    case 'Preference':
      throw new Bug('a preference where sequences are made');
    case 'TextClassification':
      throw new Bug('a text with a class where next tokens are learned');
    case 'ImageClassification':
    case 'ImagePair':
    case 'Audio':
    case 'Video':
      throw new Bug('a picture or a sound where texts are encoded');
    default:
      throw new Bug(sample satisfies never);
  }
}

/** Begins with the begin token where the tokenizer asks for it; always ends with the end token. */
function withEnds(
  text: string,
  range: Range,
  tokenizer: Tokenizer,
  most: number,
): EncodedDocument | undefined {
  const inner = marked(text, () => [range], tokenizer, most);
  if (inner === undefined) return undefined;
  const before = tokenizer.addBos && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
  const after = tokenizer.eos === undefined ? [] : [tokenizer.eos];
  const marks = Uint8Array.from([...before.map(() => 0), ...inner.marks, ...after.map(() => 1)]);
  return { ids: [...before, ...inner.ids, ...after], marks };
}

function marked(...given: Parameters<typeof encodeWithRanges>): EncodedDocument | undefined {
  const found = encodeWithRanges(...given);
  return found && { ids: found.ids, marks: found.targets };
}

function targetSegments(segments: readonly { text: string; isTarget: boolean }[]): Range[] {
  const ranges: Range[] = [];
  let at = 0;
  for (const { text, isTarget } of segments) {
    if (isTarget && text.length > 0) ranges.push({ start: at, end: at + text.length });
    at += text.length;
  }
  return ranges;
}

/** The tokens of skipped records are not all counted. */
function tooLong(
  tokens: number | 'more',
  { sequenceLength }: Pick<EncodingRules, 'sequenceLength'>,
): Skipped {
  const count = tokens === 'more' ? `more than ${sequenceLength}` : tokens;
  const detail = `has ${count} tokens; spec.dataset.sequenceLength is ${sequenceLength}`;
  return { skipped: 'TooLong', detail };
}

function cut(whole: EncodedDocument, rules: EncodingRules, overlength: Overlength): Kept | Skipped {
  const { sequenceLength } = rules;
  const tokens = whole.ids.length;
  if (tokens <= sequenceLength) return { documents: [whole], lost: 0 };
  if (overlength === 'Skip') return tooLong('more', rules);
  if (overlength === 'Fail') return tooLong(tokens, rules);
  const count = overlength === 'Truncate' ? 1 : Math.ceil(tokens / sequenceLength);
  const pieces = Array.from({ length: count }, (_, index) => {
    const [start, end] = [index * sequenceLength, (index + 1) * sequenceLength];
    return { ids: whole.ids.slice(start, end), marks: whole.marks.slice(start, end) };
  });
  const documents = pieces.filter((piece) => piece.marks.indexOf(1, 1) >= 0);
  if (documents.length === 0) {
    return {
      skipped: 'NoTargets',
      detail: `has no target tokens in ${sequenceLength} tokens`,
    };
  }
  const kept = documents.reduce((sum, document) => sum + document.ids.length, 0);
  return { documents, lost: tokens - kept };
}
