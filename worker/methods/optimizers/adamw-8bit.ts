// AdamW with 8-bit moments: 8-bit Optimizers via Block-wise Quantization (Dettmers et al. 2022).
//
// The update of adamw.ts, with m and v stored in one byte a value: an index into a dynamic map, and
// one float32 scale (the largest magnitude) for each block of 256 values. Each step decodes a
// block, updates it in float32 and encodes it again.
//
// State per parameter: 2 + 8/256 bytes a value, and the master weights of a bfloat16 parameter.
// Left out: paged state (the kernel pages CPU memory). Parameters of fewer than 4,096 values keep
// float32 moments, as in the paper's release: they are small, and norms are sensitive.
import { Bug } from '../../../crds/failures/errors.ts';
import type { Device } from '../../tensor/device.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { type AdamWSettings, adamW, kernelOptions } from './adamw.ts';
import { dynamicMap } from './dynamic-map.ts';
import { masterWeightOf } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';

export const blockSize = 256;
export const smallestQuantized = 4096;

export function adamW8bit(settings: AdamWSettings): Optimizer {
  const exact = adamW(settings);
  const maps = new Map<Device, Maps>([['cpu', scope(makeMaps, 'cpu')]]);
  const mapsOn = (device: Device): Maps => {
    const known = maps.get(device) ?? scope(makeMaps, device);
    maps.set(device, known);
    return known;
  };
  return {
    name: 'AdamW8bit',
    initialize: (value, role) =>
      (role?.count ?? value.numel) >= smallestQuantized && value.dtype !== 'float64'
        ? initialize(value, settings.masterWeights)
        : exact.initialize(value),
    update(value, gradient, state, step) {
      if (state['m_codes'] === undefined) exact.update(value, gradient, state, step);
      else update(settings, mapsOn(value.device), value, gradient, state, step);
    },
  };
}

interface Maps {
  readonly signed: Tensor;
  readonly unsigned: Tensor;
}

function makeMaps(): Maps {
  return {
    signed: keep(tensor(dynamicMap('signed'), [256], 'float32')),
    unsigned: keep(tensor(dynamicMap('unsigned'), [256], 'float32')),
  };
}

function initialize(value: Tensor, masterWeights: AdamWSettings['masterWeights']): OptimizerState {
  const blocks = Math.ceil(value.numel / blockSize);
  const zero = (kind: 'signed' | 'unsigned'): Tensor =>
    ops.full([value.numel], dynamicMap(kind).indexOf(0), { dtype: 'uint8' });
  return {
    m_codes: zero('signed'),
    m_absmax: ops.zeros([blocks], { dtype: 'float32' }),
    v_codes: zero('unsigned'),
    v_absmax: ops.zeros([blocks], { dtype: 'float32' }),
    ...masterWeightOf(value, masterWeights),
  };
}

function update(
  settings: AdamWSettings,
  maps: Maps,
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  step: UpdateStep,
): void {
  const { m_codes, m_absmax, v_codes, v_absmax, master } = state;
  if (!m_codes || !m_absmax || !v_codes || !v_absmax) throw new Bug('AdamW8bit has no state');
  const exact = master ?? value;
  const same = gradient.dtype === exact.dtype || exact.dtype === 'bfloat16';
  using wide = same ? null : keep(ops.to(gradient, 'float32'));
  ops.adamw8bit_(
    exact,
    wide ?? gradient,
    m_codes,
    m_absmax,
    v_codes,
    v_absmax,
    maps.signed,
    maps.unsigned,
    kernelOptions(settings, step, exact.dtype === 'bfloat16'),
  );
  if (master !== undefined) ops.copy_(value, master);
}
