// What a teacher says of the target tokens of a run, beside the initial factors:
//
// A file has the documents of some rounds of sequences: `documents` and `rows` [n], how many target
// rows each has; `ids` [sum of rows, count] and `logQ` [sum of rows, count + 1]. Names have the
// number of the file behind them.
import { join } from 'node:path';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import type { HostSequence, TeacherRows } from '../engine/packed-sequence.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { wholeTensor } from '../sharding/shards.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, releasePages, type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import {
  beginInitial,
  endInitial,
  folderOf,
  type InitialPlace,
  type InitialWriting,
  verifyInitial,
} from './initial-folder.ts';
import { beginShard } from './shard-file.ts';

interface Place {
  readonly file: SafetensorsFile;
  readonly number: number;
  readonly first: number;
  readonly rows: number;
}

/** The rows of the documents that the run trains on. */
export class TeacherFile implements Disposable {
  readonly #files: readonly SafetensorsFile[];
  readonly #places: ReadonlyMap<number, Place>;

  constructor(files: readonly SafetensorsFile[]) {
    this.#files = files;
    this.#places = new Map(files.flatMap((file, number) => [...placesIn(file, number)]));
  }

  /** Those of a sequence, in order; they belong to the caller's scope. */
  of({ documents = [], targetCount }: HostSequence, device: Device): TeacherRows {
    // Of a document without targets nothing is kept.
    const known = documents.flatMap((document) => this.#places.get(document) ?? []);
    const places = known.length === 0 ? [this.#nothing()] : known;
    const rows = places.reduce((sum, place) => sum + place.rows, 0);
    if (rows !== targetCount) throw notAsked();
    return scope(() => ({
      ids: onDevice(joined(places, 'ids'), device),
      logQ: onDevice(joined(places, 'logQ'), device),
    }));
  }

  #nothing(): Place {
    const [file] = this.#files;
    if (file === undefined) throw new Bug('a teacher without files');
    return { file, number: 0, first: 0, rows: 0 };
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file[Symbol.dispose]();
  }
}

/**
 * The teacher was asked about the batches of all steps; rollbacks leave some out for later ones.
 */
function notAsked(): TerminalError {
  return new TerminalError({
    code: 'E_DIVERGED',
    message:
      'after rollbacks the run reached a batch that the teacher was not asked about; it passes over the batches of all steps before the first one',
    hint: 'start a new run with a lower learning rate, or one of at least an epoch, whose teacher knows all documents',
  });
}

function joined(places: readonly Place[], name: 'ids' | 'logQ'): Tensor {
  const parts = places.map(({ file, number, first, rows }) =>
    ops.narrow(file.load(`${name}.${number}`), 0, first, rows),
  );
  const whole = ops.cat(parts, 0);
  for (const part of parts) releasePages(part);
  return whole;
}

function placesIn(file: SafetensorsFile, number: number): readonly (readonly [number, Place])[] {
  return scope(() => {
    const rows = toArray(file.load(`rows.${number}`));
    let first = 0;
    return toArray(file.load(`documents.${number}`)).map((document, i) => {
      const place = { file, number, first, rows: rows[i] ?? 0 };
      first += place.rows;
      return [document, place] as const;
    });
  }, 'cpu');
}

/** Null where it was not made yet; throws `E_CHECKPOINT_CORRUPTED` for a damaged one. */
export async function openTeacherFile(place: InitialPlace): Promise<TeacherFile | null> {
  const manifest = await verifyInitial(place);
  if (manifest === null) return null;
  const folder = folderOf(place);
  return new TeacherFile(manifest.files.map(({ name }) => openSafetensors(join(folder, name))));
}

/** Documents with their rows, on the host. */
export interface TaughtDocuments extends TeacherRows {
  readonly documents: readonly number[];
  readonly rows: readonly number[];
}

/** Writes while the pass runs: each rank gives as many files as the others. Collective. */
export class TeacherWriter {
  readonly #of: InitialWriting;
  #files = 0;

  private constructor(of: InitialWriting) {
    this.#of = of;
  }

  static async begin(of: InitialWriting): Promise<TeacherWriter> {
    await beginInitial(of);
    return new TeacherWriter(of);
  }

  async add({ documents, rows, ids, logQ }: TaughtDocuments): Promise<void> {
    const { world, partial } = this.#of;
    const number = this.#files * world.size + world.rank;
    using made = new DisposableStack();
    const int32 = (values: readonly number[]) => {
      const list = scope(() => tensor(values, [values.length], 'int32'), 'cpu');
      return made.adopt(keep(list), (own) => own.dispose());
    };
    const named = { documents: int32(documents), rows: int32(rows), ids, logQ };
    const own = Object.entries(named).map(
      ([name, values]) => [`${name}.${number}`, wholeTensor(values)] as const,
    );
    await using shard = await beginShard(partial, number, new Map(own));
    await shard.end();
    this.#files += 1;
  }

  async end(): Promise<void> {
    await endInitial(this.#of, this.#files * this.#of.world.size);
  }
}
