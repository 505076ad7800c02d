// Documents in memory: what the loader reads, without a token store.
import fc from 'fast-check';
import type { Documents } from '../../worker/data/documents.ts';

export interface ListedDocument {
  readonly ids: readonly number[];
  /** 1 for learned; with a class, 1 for the second text. */
  readonly targets: readonly number[];
  readonly class?: number;
}

export function documentsOf(list: readonly ListedDocument[], digest = 'list'): Documents {
  return {
    digest,
    count: list.length,
    sampleOf: (document) => document,
    lengthOf: (document) => list[document]!.ids.length,
    classOf: list[0]?.class === undefined ? undefined : (document) => list[document]!.class!,
    targetTokensOf: (document) =>
      list[document]!.class !== undefined
        ? 1
        : list[document]!.targets.slice(1).reduce((sum, mark) => sum + mark, 0),
    copyTo(document, ids, targets, at) {
      ids.set(list[document]!.ids, at);
      targets.set(list[document]!.targets, at);
    },
  };
}

/** Documents whose every token tells which one it is of. */
export function numberedDocuments(lengths: readonly number[]): Documents {
  return documentsOf(
    lengths.map((length, document) => ({
      ids: new Array<number>(length).fill(document),
      targets: new Array<number>(length).fill(1),
    })),
  );
}

const document = fc
  .array(fc.tuple(fc.nat(65_535), fc.nat(1)), { minLength: 1, maxLength: 20 })
  .map((tokens) => ({ ids: tokens.map(([id]) => id), targets: tokens.map(([, mark]) => mark) }));

export const randomDocuments = fc
  .array(document, { minLength: 1, maxLength: 12 })
  .map((list) => documentsOf(list));
