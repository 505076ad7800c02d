// Which layers use a window, and with which rotation: from `layer_types` where the file has it,
// else by the rule of the family.
import { UserError } from '../../crds/failures/errors.ts';
import type { ConfigFields } from './config-file.ts';
import type { DecoderFamily } from './families.ts';

export interface LayerKind {
  readonly attention: 'full' | 'sliding';
  readonly rope: 'full' | 'sliding';
}

interface Stack {
  readonly fields: ConfigFields;
  readonly family: DecoderFamily;
  readonly L: number;
  readonly path: string;
}

/** Without a window every layer attends to all tokens, but keeps the rotation of its type. */
export function layersOf(stack: Stack, hasSlidingRope: boolean): readonly LayerKind[] {
  const window = windowOf(stack.fields, stack.family);
  return layerTypes(stack).map((type) => {
    const isSliding = type === 'sliding_attention';
    return {
      attention: isSliding && window !== undefined ? 'sliding' : 'full',
      rope: isSliding && hasSlidingRope ? 'sliding' : 'full',
    };
  });
}

export function windowOf(fields: ConfigFields, family: DecoderFamily): number | undefined {
  if (family.window.type === 'none') return undefined;
  if (family.window.type === 'upper' && !(fields.use_sliding_window ?? false)) return undefined;
  const window =
    fields.sliding_window === undefined ? family.defaults.sliding_window : fields.sliding_window;
  return window ?? undefined;
}

type LayerType = 'full_attention' | 'sliding_attention';

function layerTypes({ fields, family, L, path }: Stack): readonly LayerType[] {
  const given = fields.layer_types ?? undefined;
  if (given === undefined || family.window.type === 'none') {
    return Array.from({ length: L }, (_, i) => layerTypeByRule(fields, family, i));
  }
  if (given.length === L) return given;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path}: layer_types has ${given.length} entries; it must have num_hidden_layers, ${L}`,
  });
}

function layerTypeByRule(fields: ConfigFields, family: DecoderFamily, layer: number): LayerType {
  const { window: rule, defaults } = family;
  switch (rule.type) {
    case 'none':
      return 'full_attention';
    case 'all':
      return 'sliding_attention';
    case 'upper': {
      const first = fields.max_window_layers ?? defaults.max_window_layers ?? 0;
      return layer >= first ? 'sliding_attention' : 'full_attention';
    }
    case 'periodic': {
      const period = fields.sliding_window_pattern ?? rule.period;
      return (layer + 1) % period === 0 ? 'full_attention' : 'sliding_attention';
    }
  }
}
