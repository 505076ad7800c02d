// Run folders of the claim that the jobs of a simulated pool share, as their files and the lock of
// each would say, and in pods of what process a run is.
import { failureOf } from '../../../../crds/failures/table.ts';

export const diverged = failureOf('E_DIVERGED').workerExit;

export interface Folder {
  isPrepared: boolean;
  /** Of the newest checkpoint. */
  saved: number;
  /** Training ended well. */
  isTrained: boolean;
  /** Its training has to diverge at the next step. */
  diverges: boolean;
  /** It did, in a process. */
  hasDiverged: boolean;
  /** What trains there now. */
  holder: object | undefined;
}

export class Folders {
  readonly #byUid = new Map<string, Folder>();

  of(uid: string): Folder {
    const known = this.#byUid.get(uid);
    if (known !== undefined) return known;
    const none = { isPrepared: false, saved: 0, isTrained: false };
    const made: Folder = { ...none, diverges: false, hasDiverged: false, holder: undefined };
    this.#byUid.set(uid, made);
    return made;
  }
}
