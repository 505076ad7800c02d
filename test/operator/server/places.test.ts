import test from 'ava';
import { placesOf } from '../../../operator/server/places.ts';
import { anAdapter, aServerSpec, claimed, vllm } from '../../builders/adapter-server.ts';

const referred = (name: string) => ({ name, adapterRef: { name } });

test('adapters on claims and those that jobs made are listed by their folders in the pod', (t) => {
  const spec = aServerSpec({ adapters: [claimed('first'), referred('made'), claimed('last')] });
  const made = anAdapter('made', 'pvc://notes/out/adapter');
  const { listed, refused, claims } = placesOf(spec, (name) =>
    name === 'made' ? made : undefined,
  );
  t.deepEqual(listed, [
    { name: 'first', folder: '/volumes/results/first/adapter' },
    { name: 'made', folder: '/volumes/notes/out/adapter' },
    { name: 'last', folder: '/volumes/results/last/adapter' },
  ]);
  t.deepEqual(claims, ['notes', 'results']);
  t.deepEqual(refused, []);
});

test('adapters in buckets are listed by their places, with the service that has the bucket', (t) => {
  const s3 = { uri: 's3://results/one', credentialsSecretRef: { name: 'keys' } };
  const keys = { credentialsSecretRef: { name: 'mine' } };
  const spec = aServerSpec({
    adapters: [
      { name: 'one', s3 },
      { name: 'made', adapterRef: { name: 'made', ...keys } },
    ],
  });
  const endpoint = 'https://store.example.com';
  const forms = [{ type: 'PEFTAdapter', uri: 's3://out/made/adapter', endpoint, region: 'eu' }];
  const { listed, claims, buckets } = placesOf(spec, () => anAdapter('made', '', { forms }));
  const made = { uri: 's3://out/made/adapter', endpoint, region: 'eu', ...keys };
  t.deepEqual(listed, [
    { name: 'one', s3 },
    { name: 'made', s3: made },
  ]);
  t.deepEqual(buckets, [s3, made]);
  t.deepEqual(claims, []);
});

test('vLLM gets the form with one rank for all layers, where there are both', (t) => {
  const forms = ['PEFTAdapter', 'UniformPEFTAdapter'].map((type) => ({
    ...{ type, uri: `pvc://a/${type}` },
  }));
  const made = anAdapter('made', '', { forms });
  const folderWith = (changes: object) =>
    placesOf(aServerSpec({ adapters: [referred('made')], ...changes }), () => made).listed[0];
  t.like(folderWith({}), { folder: '/volumes/a/PEFTAdapter' });
  const engine = { engine: vllm, devicesPerReplica: 1 };
  t.like(folderWith(engine), { folder: '/volumes/a/UniformPEFTAdapter' });
});

const digest = `sha256:${'a'.repeat(64)}`;
const wrong: readonly (readonly [string, Parameters<typeof anAdapter> | undefined, RegExp])[] = [
  ['is not there', undefined, /^Adapter made is not there$/],
  ['lies on a hub', ['made', 'hf://o/n@c'], /lies at hf:\/\/o\/n@c; adapters on claims/],
  ['leaves its claim', ['made', 'pvc://a/../b'], /lies at pvc:\/\/a\/\.\.\/b; /],
  [
    'has another form',
    ['made', 'pvc://a/b', { forms: [{ type: 'GGUFAdapter', uri: 'pvc://a/b' }] }],
    /has the forms GGUFAdapter; one of PEFTAdapter and UniformPEFTAdapter is served/,
  ],
  [
    'has another base',
    ['made', 'pvc://a/b', { base: { digest: 'sha256:2' } }],
    /was trained on the base sha256:2; the base that is served is sha256:a+$/,
  ],
];

for (const [what, made, words] of wrong) {
  test(`an adapter that ${what} is refused with a sentence, and the others are served`, (t) => {
    const model = { source: { huggingFace: { repository: 'a/b' } }, digest };
    const spec = aServerSpec({ model, adapters: [referred('made'), claimed('first')] });
    const base = { digest };
    const adapter = made && anAdapter(made[0], made[1], { base, ...made[2] });
    const { listed, refused, claims } = placesOf(spec, () => adapter);
    t.deepEqual(
      listed.map(({ name }) => name),
      ['first'],
    );
    t.deepEqual(claims, ['results']);
    t.is(refused[0]?.name, 'made');
    t.regex(refused[0]?.reason ?? '', words);
  });
}
