// The store behind the API server of our own cluster, written to directly: to make ten thousand
// objects takes the API server a minute or more, and etcd a second. The API server takes them for
// its own, and tells those who watch.

/** etcd of the control plane, by its gateway for JSON. */
const endpoint = 'http://127.0.0.1:2379/v3/kv';
/** So many writes it takes in one transaction. */
const writesAtOnce = 128;

interface Stored {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** Objects of the core API, whose keys have no group. */
export async function putObjects(plural: string, objects: readonly Stored[]): Promise<void> {
  for (let from = 0; from < objects.length; from += writesAtOnce) {
    const success = objects.slice(from, from + writesAtOnce).map((object) => {
      const { namespace, name } = object.metadata;
      const key = base64(`/registry/${plural}/${namespace}/${name}`);
      return { requestPut: { key, value: base64(JSON.stringify(object)) } };
    });
    await ask('txn', { success });
  }
}

/** All of this kind in a namespace. */
export async function deleteObjects(plural: string, namespace: string): Promise<void> {
  const [key, end] = ['/', '0'].map((last) => base64(`/registry/${plural}/${namespace}${last}`));
  await ask('deleterange', { key, range_end: end });
}

async function ask(what: 'txn' | 'deleterange', question: object): Promise<void> {
  const answer = await fetch(`${endpoint}/${what}`, {
    method: 'POST',
    body: JSON.stringify(question),
  });
  if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
