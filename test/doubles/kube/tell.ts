// What a reflector does to a store, at once: it has what the API server has.
import type { KubeObject, Resource } from '../../../operator/runtime/resource.ts';
import type { Store } from '../../../operator/runtime/store.ts';
import type { KubeObjects } from './objects.ts';

export function tellStore<T extends KubeObject, Name extends string>(
  objects: KubeObjects,
  collection: string,
  { read }: Resource<T>,
  store: Store<T, Name>,
): void {
  const present = objects.all(collection).map((each) => read(structuredClone(each)));
  const uids = new Set(present.map(({ metadata }) => metadata.uid));
  for (const known of [...store.values()]) if (!uids.has(known.metadata.uid)) store.remove(known);
  for (const object of present) store.put(object);
  store.reached(String(objects.version));
}
