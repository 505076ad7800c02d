// A source with files of these names, which hold nothing.
import type { SourceListing } from '../../worker/remote/source-files.ts';

export function listingOf(paths: readonly string[]): SourceListing {
  const nothing = async function* () {};
  const files = paths.map((path) => ({
    path,
    bytes: 1,
    version: path,
    digest: async () => undefined,
    read: async () => nothing(),
  }));
  return { origin: 'owner/model at 01234567', version: 'main', files };
}
