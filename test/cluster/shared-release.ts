// One release of the images of this checkout for many jobs: installing it takes as long as a small
// job. Each job has a namespace of its own, and two are at work at a time, so that the machine has
// something to do while the pods of one come and go.
import type { ExecutionContext } from 'ava';
import { gate } from '../../worker/remote/gate.ts';
import { aNamespace, type Closing, installCrd } from './access.ts';
import { installAnneal, loadImages } from './installed.ts';

type Body = (t: ExecutionContext, namespace: string) => Promise<void>;

export class SharedRelease {
  readonly #twoAtOnce = gate(2);
  readonly #namespaces: string[] = [];
  #wanted = 0;
  #namespace = '';

  /** Of the release itself. */
  get namespace(): string {
    return this.#namespace;
  }

  /**
   * A test that gets a namespace when it is its turn; to be called before the release is installed.
   */
  turn(body: Body): (t: ExecutionContext) => Promise<void> {
    this.#wanted += 1;
    return (t) =>
      this.#twoAtOnce(async () => {
        t.timeout(900_000);
        await body(t, this.#next());
      });
  }

  /** In charge of a namespace for each turn. */
  async install(file: Closing, values: object = {}): Promise<void> {
    await installCrd();
    await loadImages();
    while (this.#namespaces.length < this.#wanted) this.#namespaces.push(await aNamespace(file));
    const { namespace } = await installAnneal(file, this.#namespaces, values);
    this.#namespace = namespace;
  }

  #next(): string {
    const namespace = this.#namespaces.shift();
    if (namespace === undefined) throw new Error('there is a namespace for each turn, once');
    return namespace;
  }
}
