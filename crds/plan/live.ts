// Splits a spec into what is fixed while workers run and what may change. The declaration of a
// field says which (mutability.ts).
import type { FineTuneJobSpec } from '../api/job.ts';
import type { Mutability } from '../schema/mutability.ts';
import { jobSchema, mutabilityOf, type SchemaNode } from '../tree/schema-tree.ts';

interface SplitSpec {
  readonly fixed: Readonly<Record<string, unknown>>;
  readonly live: Readonly<Record<string, unknown>>;
}

export function splitLive(spec: FineTuneJobSpec): SplitSpec {
  const node = jobSchema().properties?.['spec'] ?? {};
  const elastic = spec.worker.elasticity === 'Live';
  const isLive = (mutability: Mutability) =>
    mutability === 'Live' || (mutability === 'LiveIfElastic' && elastic);
  return {
    fixed: partOf(spec, node, 'Immutable', (mutability) => !isLive(mutability)),
    live: partOf(spec, node, 'Immutable', isLive),
  };
}

/** The part that never changes during the life of a job. */
export function immutablePart(spec: FineTuneJobSpec): Readonly<Record<string, unknown>> {
  const node = jobSchema().properties?.['spec'] ?? {};
  return partOf(spec, node, 'Immutable', (mutability) => mutability === 'Immutable');
}

/** A copy with the values of both; live ones win. */
export function mergeLive(fixed: unknown, live: unknown): unknown {
  if (!isTree(fixed) || !isTree(live)) return live === undefined ? fixed : live;
  const merged: Record<string, unknown> = { ...fixed };
  for (const [key, value] of Object.entries(live)) merged[key] = mergeLive(merged[key], value);
  return merged;
}

function partOf(
  value: object,
  node: SchemaNode,
  inherited: Mutability,
  wanted: (mutability: Mutability) => boolean,
): Record<string, unknown> {
  const part: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const child = node.properties?.[key];
    const mutability = (child && mutabilityOf(child)) ?? inherited;
    if (!isTree(member) || child?.properties === undefined) {
      if (wanted(mutability)) part[key] = member;
      continue;
    }
    const below = partOf(member, child, mutability, wanted);
    if (Object.keys(below).length > 0) part[key] = below;
  }
  return part;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
