// Objects that must exist before the pods of a job: finalizer, claim, service, policies. Missing
// ones are created; ours are applied again where the wanted content differs from what was last
// applied.
import { annotation } from '../../crds/names/labels.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { planConfigMap } from '../objects/config-map.ts';
import { dataClaim } from '../objects/data-claim.ts';
import { networkPolicies, sharedPolicies } from '../objects/network-policy.ts';
import { hasService, headlessService } from '../objects/service.ts';
import type { Manifest } from '../runtime/client.ts';
import type { AppliedKind, Call } from './decision.ts';
import type { ChildFacts, Facts, PodFacts } from './facts.ts';
import { isStarting, startMs, startsSince } from './silent-objects.ts';
import type { View } from './view.ts';

interface Wanted {
  readonly kind: AppliedKind;
  readonly manifest: Manifest;
}

/** Calls that bring the surroundings about; none where they are as they should be. */
export function surroundings(view: View): readonly Call[] {
  const { facts } = view;
  const wanted = wantedOf(view);
  const missing = wanted.flatMap((each) =>
    callFor(each, childOf(facts.children, each.kind, each.manifest)),
  );
  const superfluous = facts.children.filter(
    ({ kind, name }) =>
      kind !== 'PodGroup' &&
      !(kind === 'NetworkPolicy' && isHeldByOwn(facts)) &&
      !wanted.some((each) => each.kind === kind && each.manifest.metadata.name === name),
  );
  return [
    ...sharedCalls(view),
    ...missing,
    ...superfluous.map(
      ({ kind, name, uid }): Call => ({
        ...{ type: 'Delete', kind, name, uid },
        propagation: 'Background',
      }),
    ),
  ];
}

/**
 * Pods of a version that gave each job policies of its own: nothing else holds them, nor those that
 * take their place.
 */
function isHeldByOwn({ workers, inits, publishes }: Facts): boolean {
  return [...workers, ...inits, ...publishes].some(
    ({ outcome, sharesPolicy }) => outcome === undefined && !sharesPolicy,
  );
}

function sharedCalls({ built, facts }: View): readonly Call[] {
  return sharedPolicies(built, facts.site.settings).flatMap((manifest): readonly Call[] => {
    const known = childOf(facts.shared, 'NetworkPolicy', manifest);
    if (known?.content === contentOf(manifest)) return [];
    return [{ type: 'Share', manifest: marked(manifest), uid: known?.uid }];
  });
}

function callFor({ kind, manifest }: Wanted, child: ChildFacts | undefined): readonly Call[] {
  if (child === undefined) return [{ type: 'Create', kind, manifest: marked(manifest) }];
  if (child.content === contentOf(manifest)) return [];
  const { metadata, ...rest } = marked(manifest);
  return [
    { type: 'Apply', kind, manifest: { ...rest, metadata: { ...metadata, uid: child.uid } } },
  ];
}

/** Before a Job of a job: what is created once for each plan and not looked at again. */
export function groundwork(view: View): readonly Call[] {
  const { job, bus } = view.facts;
  return [
    // From here on something may be written that Kubernetes does not collect.
    ...(job.hasFinalizer || bus.type === 'Absent' ? [] : [{ type: 'AddFinalizer' } as const]),
    ...(isLaid(view) ? [] : laid(view)),
  ];
}

/**
 * A Job of this plan was only created after it; what somebody deleted since is made again with the
 * next revision, or by `healPlan`.
 */
function isLaid(view: View): boolean {
  const { inits, workers, publishes } = view.facts;
  const isFirst = view.workerRevision === 1;
  return (
    isFirst &&
    [...inits, ...workers, ...publishes].some(({ planDigest }) => planDigest === view.plan.digest)
  );
}

function laid(view: View): readonly Call[] {
  const claim = dataClaim(view.built);
  return [
    ...ensurePlan(view),
    ...(claim === undefined
      ? []
      : [{ type: 'Create', kind: 'PersistentVolumeClaim', manifest: claim } as const]),
  ];
}

/**
 * A pod whose plan was deleted waits for the mount, and its status says only ContainerCreating; an
 * event names the plan. The plan is created again for pods that have waited for so long, unless
 * they wait for something else.
 */
export function healPlan(view: View): readonly Call[] {
  const { now, pods, warnings } = view.facts;
  const { name } = planConfigMap(view.built, '').metadata;
  const waitsForPlan = (pod: PodFacts) => {
    if (!isStarting(pod) || now < startsSince(pod) + startMs) return false;
    return warnings?.get(pod.uid)?.message.includes(name) ?? true;
  };
  return pods.some(waitsForPlan) ? ensurePlan(view) : [];
}

function ensurePlan({ built, plan, canWritePlan, facts }: View): readonly Call[] {
  if (!canWritePlan) return [];
  return [
    {
      type: 'EnsurePlan',
      manifest: planConfigMap(built, plan.text, facts.site.settings.bus?.authority),
    },
  ];
}

function wantedOf({ built, spec, facts }: View): readonly Wanted[] {
  return [
    ...(hasService(spec) ? [{ kind: 'Service' as const, manifest: headlessService(built) }] : []),
    ...networkPolicies(built, facts.site.settings).map((manifest) => ({
      kind: 'NetworkPolicy' as const,
      manifest,
    })),
  ];
}

function childOf(
  children: readonly ChildFacts[],
  kind: ChildFacts['kind'],
  { metadata }: Manifest,
): ChildFacts | undefined {
  return children.find((child) => child.kind === kind && child.name === metadata.name);
}

/** The plan's digest changes with every part of the spec; these objects need not. */
function contentOf(manifest: Manifest): string {
  return digestOf(manifest['spec']);
}

function marked(manifest: Manifest): Manifest {
  const before = manifest.metadata['annotations'];
  const annotations = { ...(before as object), [annotation.content]: contentOf(manifest) };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}
