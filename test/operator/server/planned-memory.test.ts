import test from 'ava';
import { sizesOf } from '../../../crds/plan/model-sizes.ts';
import { edgeBytes } from '../../../crds/serve/pod.ts';
import { deploymentFor } from '../../../operator/server/objects.ts';
import { plannedPod } from '../../../operator/server/planned-memory.ts';
import {
  aBuiltServer,
  anAdapter,
  aServerSpec,
  claimed,
  vllm,
} from '../../builders/adapter-server.ts';
import { someSettings } from '../../builders/built-job.ts';
import { smol135 } from '../../builders/facts.ts';

const mib = 2 ** 20;
const sizes = sizesOf({ facts: smol135, storedBfloat16: 0 });
const digest = `sha256:${'a'.repeat(64)}`;
const referred = (name: string) => ({ name, adapterRef: { name } });

function planned(
  changes: Readonly<Record<string, unknown>> = {},
  {
    size = 20 * mib,
    base = { digest, sizes } as object,
    memoryBytes = undefined as number | undefined,
  } = {},
) {
  const forms = [{ type: 'PEFTAdapter', uri: 'pvc://a/b', size }];
  const spec = aServerSpec({
    ...{ adapters: [referred('made')], limits: { sequences: 8, context: 512 } },
    ...changes,
  });
  const find = (name: string) =>
    name.startsWith('made') ? anAdapter(name, '', { base, forms }) : undefined;
  return plannedPod(spec, find, { memoryBytes });
}

test('a pod is planned from what an Adapter tells of its base', (t) => {
  const { plan, memory, misfit } = planned() ?? {};
  t.is(plan?.parts.weights, 4 * 134_515_008);
  t.is(plan?.parts.adapters, 64 * mib);
  t.is(memory?.request, (plan?.peak ?? 0) + edgeBytes);
  t.true((memory?.limit ?? 0) > (memory?.request ?? 0));
  t.is(misfit, undefined);
});

test('where nobody knows the base nothing is planned here', (t) => {
  t.is(planned({ adapters: [claimed('first')] }), undefined);
  t.is(planned({}, { base: { digest } }), undefined);
  t.is(planned({ engine: vllm, devicesPerReplica: 1 }), undefined);
  const other = `sha256:${'b'.repeat(64)}`;
  const source = { huggingFace: { repository: 'a/b' } };
  t.is(planned({ model: { source, digest: other } }), undefined, 'it is of another base');
});

test('room for adapters is a power of two, so that few that come make new pods', (t) => {
  const room = (names: readonly string[]) =>
    planned({ adapters: names.map(referred) })?.plan.parts.adapters;
  const of = (count: number) => room(Array.from({ length: count }, (_, i) => `made${i}`));
  t.deepEqual(
    [1, 3, 4, 6, 7].map(of),
    [64, 64, 128, 128, 256].map((size) => size * mib),
  );
  // One whose size nobody knows is as large as the others may be.
  t.is(room(['made', 'made2', 'made3', 'unknown']), 128 * mib);
});

test('what the plan says is what the pods ask for, but for what the spec says', (t) => {
  const resources = (changes: Readonly<Record<string, unknown>>) => {
    const built = { ...aBuiltServer(changes), planned: planned(changes) };
    return deploymentFor(built, someSettings).spec.template.spec.containers[0]?.resources;
  };
  const { memory } = planned() ?? {};
  const asked = resources({ adapters: [referred('made')], limits: { sequences: 8, context: 512 } });
  t.is(asked?.requests?.['memory'], `${Math.ceil((memory?.request ?? 0) / mib)}Mi`);
  t.is(asked?.limits?.['memory'], `${Math.ceil((memory?.limit ?? 0) / mib)}Mi`);
  const own = resources({ resources: { limits: { memory: '7Gi', cpu: '2' } } });
  t.deepEqual(own?.limits, { memory: '7Gi', cpu: '2' });
  const cpu = resources({ resources: { requests: { cpu: '2' } } });
  t.is(cpu?.requests?.['cpu'], '2');
  t.regex(cpu?.requests?.['memory'] ?? '', /Mi$|Gi$/);
});

test('a server that cannot fit is refused with the sum', (t) => {
  const small = planned({ resources: { limits: { memory: '600Mi' } } });
  t.regex(
    small?.misfit ?? '',
    /^the process with the model needs \d+\.\d MiB: 513\.1 MiB of weights \+ .* of keys and values \+ 64\.0 MiB for adapters \+ .* of work; spec\.resources\.limits\.memory leaves 472\.0 MiB for it$/,
  );
  const device = planned({ devicesPerReplica: 1 }, { memoryBytes: 300 * mib });
  t.regex(device?.misfit ?? '', /; a device has \d/);
  t.is(device?.memory, undefined);
  t.is(planned({ devicesPerReplica: 1 }, { memoryBytes: 2 ** 34 })?.misfit, undefined);
});
