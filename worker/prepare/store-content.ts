// What a store is made of, texts, pictures or sounds: how records become documents, and how a
// document is shown in the manifest.
import type { FailureCode } from '../../crds/failures/table.ts';
import { pictureInWords } from '../data/images/stored-picture.ts';
import { targetInWords } from '../data/images/stored-target.ts';
import type { StoreManifest } from '../data/store-manifest.ts';
import type { PicturesOfStore } from '../data/token-store-writer.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { clipInWords } from '../data/tracked/stored-clip.ts';
import { createEncoder, type Encoder, type EncodingRules } from './encode-sample.ts';
import type { SoundRules } from './encode-sound.ts';
import {
  areOfClips,
  areOfPictures,
  areOfSounds,
  areOfTargets,
  encoderOf,
  type Rules,
} from './encoder-of.ts';

const exampleTokens = 512;

interface ShownDocument {
  readonly ids: Uint32Array;
  readonly marks: Uint8Array;
  readonly class: number | undefined;
  readonly packed: Uint8Array | undefined;
}

type Example = StoreManifest['examples'][number];

export interface Content {
  readonly encode: Encoder;
  readonly labels: readonly string[] | undefined;
  readonly objective: StoreManifest['objective'];
  readonly vocabularySize: number;
  /** Two where every id fits, else four. */
  readonly bytesPerToken: 2 | 4;
  readonly pictures: PicturesOfStore | undefined;
  /** As segments of target text and other text; a class is target text. */
  readonly example: (document: ShownDocument) => Example;
  /** What may not end in time, and why. */
  readonly slowPart: { readonly code: FailureCode; readonly name: string; readonly reason: string };
}

export function contentOf(rules: Rules): Content {
  if (areOfTargets(rules)) {
    const { crop, scale } = rules;
    return {
      ...{ encode: encoderOf(rules), labels: undefined, objective: 'Picture' },
      ...{ vocabularySize: 1, bytesPerToken: 2, pictures: { crop, scale } },
      example: ({ packed }) =>
        packed === undefined ? [] : [{ text: targetInWords(packed), isTarget: true }],
      slowPart: decoding,
    };
  }
  if (areOfClips(rules)) {
    const { template, search, patch, preprocessing } = rules;
    return {
      ...{ encode: encoderOf(rules), labels: undefined, objective: 'Box' },
      ...{ vocabularySize: 1, bytesPerToken: 2 },
      pictures: { template, search, patch, preprocessing },
      example: ({ packed }) =>
        packed === undefined ? [] : [{ text: clipInWords(packed), isTarget: true }],
      slowPart: decoding,
    };
  }
  if (areOfSounds(rules)) return ofSounds(rules);
  if (!areOfPictures(rules)) return ofTexts(rules);
  const { labels, preprocessing, size } = rules;
  return {
    ...{ encode: encoderOf(rules), labels, objective: 'Class' },
    // All tokens have the id 0.
    ...{ vocabularySize: 1, bytesPerToken: 2, pictures: { preprocessing, size } },
    example: ({ packed, class: place }) =>
      withClass(packed === undefined ? '' : pictureInWords(packed), labels[place ?? 0] ?? ''),
    slowPart: decoding,
  };
}

const decoding = {
  code: 'E_INVALID_DATA',
  name: 'the decoder of pictures',
  reason: 'the machine is too busy, or the picture is made to take long',
} as const;

function ofSounds(rules: SoundRules): Content {
  const { mels, frames } = rules;
  const tokenizer = createTokenizer(rules.tokenizer);
  return {
    ...{ encode: encoderOf(rules), labels: undefined, objective: 'NextToken' },
    ...sizesOf(tokenizer),
    pictures: { mels, frames },
    example: ({ ids, marks }) => exampleOf(ids, marks, tokenizer),
    slowPart: {
      code: 'E_INVALID_DATA',
      name: "the reader of sounds, or the model's tokenizer,",
      reason: 'the machine is too busy, or a pattern of the tokenizer does not terminate',
    },
  };
}

function sizesOf({ vocabularySize }: Tokenizer): Pick<Content, 'vocabularySize' | 'bytesPerToken'> {
  return { vocabularySize, bytesPerToken: vocabularySize <= 65_536 ? 2 : 4 };
}

function ofTexts(rules: EncodingRules): Content {
  const { labels } = rules;
  const tokenizer = createTokenizer(rules.tokenizer);
  const parts = rules.template === undefined ? 'tokenizer' : 'tokenizer or chat template';
  return {
    encode: createEncoder(rules, tokenizer),
    ...{ labels, objective: labels === undefined ? 'NextToken' : 'Class' },
    ...{ ...sizesOf(tokenizer), pictures: undefined },
    example({ ids, marks, class: place }) {
      const name = place === undefined ? undefined : labels?.[place];
      if (name === undefined) return exampleOf(ids, marks, tokenizer);
      return withClass(tokenizer.decode(ids.subarray(0, exampleTokens)), name);
    },
    slowPart: {
      code: 'E_INVALID_TOKENIZER',
      name: `the model's ${parts}`,
      reason: 'a pattern or loop in it does not terminate',
    },
  };
}

/** Consecutive target tokens and other tokens, as text. */
function exampleOf(ids: Uint32Array, targets: Uint8Array, tokenizer: Tokenizer): Example {
  const runs: { text: string; isTarget: boolean }[] = [];
  const end = Math.min(ids.length, exampleTokens);
  for (let start = 0; start < end; ) {
    let stop = start + 1;
    while (stop < end && targets[stop] === targets[start]) stop += 1;
    runs.push({
      text: tokenizer.decode(ids.subarray(start, stop)),
      isTarget: targets[start] === 1,
    });
    start = stop;
  }
  return runs;
}

/** The document, special tokens included, and the name of its class. */
function withClass(text: string, name: string): Example {
  return [
    { text, isTarget: false },
    { text: name, isTarget: true },
  ];
}
