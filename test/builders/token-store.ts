// A store of tokenised documents, as `prepare` leaves it.
import { storeVersion } from '../../worker/data/store-manifest.ts';
import { TokenStoreWriter } from '../../worker/data/token-store-writer.ts';

export interface WrittenDocument {
  readonly ids: readonly number[];
  readonly targets: readonly number[];
  readonly class?: number;
}

/** Two documents of each sample. */
export async function writeStore(
  folder: string,
  documents: readonly WrittenDocument[],
  bytesPerToken: 2 | 4 = 2,
): Promise<void> {
  await using writer = await TokenStoreWriter.create(folder, bytesPerToken);
  for (const [index, { ids, targets, ...named }] of documents.entries()) {
    const origin = { line: 10 + index, sample: Math.floor(index / 2) };
    const [written, marks] = [Uint32Array.from(ids), Uint8Array.from(targets)];
    await writer.append({ ids: written, marks, class: named.class }, origin);
  }
  await writer.finish({
    version: storeVersion,
    digest: 'a'.repeat(64),
    inputs: { any: 1 },
    shape: 'text',
    objective: documents[0]?.class === undefined ? 'NextToken' : 'Class',
    classes: [],
    vocabularySize: 100,
    bytesPerToken,
    samples: documents.length,
    skipped: { Invalid: 0, NoTargets: 0, TooLong: 0 },
    problems: [],
    cutSamples: 0,
    lostTokens: 0,
    silentSamples: 0,
    lengths: [],
    files: [],
    examples: [],
  });
}
