import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import test from 'ava';
import { piecesOf } from '../../../charts/images/assemble.ts';
import { contentsOf, debianPieces, type Piece } from '../../../charts/images/contents.ts';
import { sbom } from '../../../charts/images/sbom.ts';
import { libtorchWheels } from '../../../cli/setup/wheels.ts';

const locked = {
  'node_modules/a': {
    version: '1.2.3',
    license: 'MIT',
    integrity: `sha512-${Buffer.alloc(64, 7).toString('base64')}`,
    dependencies: { '@s/b': '^2' },
  },
  'node_modules/@s/b': { version: '2.0.0', license: '(MIT OR Apache-2.0)' },
};
const machine = { system: 'linux-x64', withCuda: false, node: '24.0.0' } as const;
const pieces = contentsOf({ part: 'worker', locked, packages: ['a'], machine });
const debian = debianPieces('libc6\t2.36-9+deb12u10\tamd64\n\nca-certificates\t20230311\tall\n');

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly object[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}
interface Bom {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: string[] }[];
}
const listOf = (all: readonly Piece[]) => JSON.parse(sbom('anneal-worker', '0.1.0', all)) as Bom;
const find = (bom: Bom, name: string) => bom.components.find((each) => each.name === name);

async function faults(text: string): Promise<unknown> {
  return new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
}

test('a list is CycloneDX by its strict schema, and the same each time', async (t) => {
  const text = sbom('anneal-worker', '0.1.0', [...pieces, ...debian]);
  t.is(await faults(text), null);
  t.is(text, sbom('anneal-worker', '0.1.0', [...pieces, ...debian].reverse()));
  t.truthy(await faults(text.replace('"purl"', '"prul"')), 'a mistake would be found');
});

test('a package of npm has its version, licence, digest, name of a package and what it needs', (t) => {
  const bom = listOf(pieces);
  const a = find(bom, 'a');
  t.is(a?.purl, 'pkg:npm/a@1.2.3');
  t.deepEqual(a?.hashes, [{ alg: 'SHA-512', content: '07'.repeat(64) }]);
  t.deepEqual(a?.licenses, [{ license: { id: 'MIT' } }]);
  const b = find(bom, 'b');
  t.is(b?.group, '@s');
  t.is(b?.purl, 'pkg:npm/%40s/b@2.0.0');
  t.deepEqual(b?.licenses, [{ expression: '(MIT OR Apache-2.0)' }]);
  t.deepEqual(bom.dependencies.find(({ ref }) => ref === a?.['bom-ref'])?.dependsOn, [
    b?.['bom-ref'],
  ]);
});

test('libtorch is listed by the wheel that it was cut out of, with CUDA where it is there', (t) => {
  const torch = find(listOf(pieces), 'torch');
  const [wheel] = libtorchWheels['linux-x64'];
  t.is(torch?.purl, `pkg:pypi/torch@${wheel?.version}`);
  t.deepEqual(torch?.hashes, [{ alg: 'SHA-256', content: wheel?.sha256 ?? '' }]);
  t.is(find(listOf(pieces), 'nvidia-cublas'), undefined);
  const cuda = { ...machine, withCuda: true };
  const withCuda = contentsOf({ part: 'worker', locked, packages: ['a'], machine: cuda });
  t.truthy(find(listOf(withCuda), 'nvidia-cublas'));
  const operator = contentsOf({ part: 'operator', locked, packages: ['a'], machine });
  t.is(find(listOf(operator), 'torch'), undefined);
});

test('packages of Debian are named with their architecture', (t) => {
  const bom = listOf(debian);
  t.is(find(bom, 'libc6')?.purl, 'pkg:deb/debian/libc6@2.36-9+deb12u10?arch=amd64');
  t.is(bom.components.length, 2);
});

for (const part of ['operator', 'worker'] as const) {
  test(`the list of the ${part} image is valid, and names every package with version, licence and digest`, async (t) => {
    const found = await piecesOf(part, part === 'worker');
    t.is(await faults(sbom(`anneal-${part}`, '0.1.0', found)), null);
    const npm = found.filter(({ type }) => type === 'npm');
    t.true(npm.length > 20, `${npm.length}`);
    const bare = npm.filter(({ version, license, digest }) => {
      return version === '' || license === undefined || digest === undefined;
    });
    t.deepEqual(
      bare.map(({ key }) => key),
      [],
    );
    t.true(found.some(({ name }) => name === (part === 'operator' ? 'prom-client' : 'torch')));
  });
}
