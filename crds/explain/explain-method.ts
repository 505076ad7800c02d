// The answer of `anneal explain QLoRA`: a preset and the axes that it sets, or a value of an axis
// and its parameters. A name may be both (LoRA).
import { axisEntries, presets } from '../methods/index.ts';
import { type AxisEntry, type AxisName, axisNames, type Paper } from '../methods/method.ts';
import { type Measured, measuredOf } from './measured.ts';

export interface MethodDoc {
  readonly name: string;
  readonly kind: 'preset' | AxisName;
  readonly summary: string;
  readonly paper: Paper | undefined;
  /** What the name sets: `spec.method.adapter.type` and `LoRA`. */
  readonly sets: readonly (readonly [path: string, value: string])[];
  /** Path of its parameters, for `explain`; undefined without parameters. */
  readonly parameters: string | undefined;
  /**
   * What the example of a preset came to in a short run beside LoRA: null where it was not
   * measured, undefined where it does not stand in place of LoRA.
   */
  readonly measured: Measured | null | undefined;
}

const entries: readonly AxisEntry[] = axisNames.flatMap(
  (axis): readonly AxisEntry[] => axisEntries[axis],
);

/**
 * All meanings of a name; case, hyphens and underscores are ignored. Empty if it is not a method.
 */
export function explainMethod(name: string): readonly MethodDoc[] {
  const wanted = plain(name);
  return [
    ...presets.filter(({ preset }) => plain(preset) === wanted).map(presetDoc),
    ...entries.filter(({ type }) => plain(type) === wanted).map(entryDoc),
  ];
}

/** Names to choose from, presets first, without duplicates. */
export function methodNames(): readonly string[] {
  return [...new Set([...presets.map(({ preset }) => preset), ...entries.map(({ type }) => type)])];
}

function presetDoc(one: (typeof presets)[number]): MethodDoc {
  return {
    name: one.preset,
    kind: 'preset',
    summary: one.summary,
    paper: 'paper' in one ? one.paper : undefined,
    sets: flatten('spec.method', one.axes),
    parameters: undefined,
    measured: measuredOf(one.preset),
  };
}

function entryDoc({ type, axis, member, summary, paper }: AxisEntry): MethodDoc {
  return {
    name: type,
    kind: axis,
    summary,
    paper,
    sets: [[`spec.method.${axis}.type`, type]],
    parameters: member === undefined ? undefined : `spec.method.${axis}.${member}`,
    measured: undefined,
  };
}

function flatten(path: string, value: unknown): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, child]) => flatten(`${path}.${key}`, child));
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_+ ]/g, '');
}
