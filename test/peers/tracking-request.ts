// What the judge of trackers is asked of a sequence.
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { TrackingSizes } from '../../worker/families/family.ts';
import type { TrackingConfig } from '../../worker/tracking/config.ts';

interface Asked {
  /** Folder with the model, whose config.json has the sizes where they are null. */
  readonly path: string;
  readonly sizes: TrackingSizes | null;
  /** @default none */
  readonly adapter?: string;
}

export function trackingRequest(
  { contextLength: length, searchSide }: TrackingConfig,
  { values = {}, labels }: HostSequence,
  { path, sizes, adapter }: Asked,
) {
  const of = (name: string) => [...(values[name]?.values ?? [])];
  const rows = [...labels.entries()].flatMap(([row, label]) => (label < 0 ? [] : [row]));
  return {
    ...{ path, sizes, adapter: adapter ?? null },
    ...{ template: of('template'), search: of('search'), object: of('object'), box: of('box') },
    documents: rows.map((row) => Math.floor(row / length)),
    patches: rows.map((row) => (row % length) - (length - searchSide ** 2)),
  };
}
