// The tensors of a restoration network: names as in the published files, where one list `body` has
// convolutions at even places and the slopes of PReLU behind them.
import type { Place, TensorSpec } from '../families/family.ts';
import { headPath, quantNasTensors, tailPath } from '../quantnas/names.ts';
import {
  convolutionsOfBlock,
  kernelEdge,
  type RestorationConfig,
  type SrvggConfig,
} from './config.ts';

/** Module paths of a convolution and of the slopes behind it. */
interface Stage {
  readonly convolution: string;
  readonly slopes: string;
}

function stageAt(index: number): Stage {
  return { convolution: `body.${2 * index}`, slopes: `body.${2 * index + 1}` };
}

/** Before the blocks: from colours to channels. */
export const inletStage = stageAt(0);

/** Of a block, in order. */
export function stagesOf(layer: number): readonly Stage[] {
  return Array.from({ length: convolutionsOfBlock }, (_, i) =>
    stageAt(1 + convolutionsOfBlock * layer + i),
  );
}

/** Module path of the convolution before the blocks. */
export function inletPath({ family }: Pick<RestorationConfig, 'family'>): string {
  return family === 'srvgg' ? inletStage.convolution : headPath;
}

/** Module path of the convolution behind the blocks. */
export function outletPath({ family, L }: Pick<RestorationConfig, 'family' | 'L'>): string {
  return family === 'srvgg' ? stageAt(1 + convolutionsOfBlock * L).convolution : tailPath;
}

/** Every tensor, in the order of computation. */
export function restorationTensors(config: RestorationConfig): readonly TensorSpec[] {
  return config.family === 'srvgg' ? srvggTensors(config) : quantNasTensors(config);
}

function srvggTensors(config: SrvggConfig): readonly TensorSpec[] {
  const { H, L, colours, scale } = config;
  const channels = `num_feat=${H}`;
  const blocks = Array.from({ length: L }, (_, layer) =>
    stagesOf(layer).flatMap((stage) => withSlopes(stage, layer, [H, H], channels)),
  );
  const from = `${channels} and upscale=${scale}`;
  return [
    ...withSlopes(inletStage, 'inlet', [H, colours], channels),
    ...blocks.flat(),
    ...convolution(outletPath(config), 'outlet', [colours * scale ** 2, H], from),
  ];
}

type Sides = readonly [out: number, inputs: number];

function withSlopes(stage: Stage, place: Place, sides: Sides, from: string): readonly TensorSpec[] {
  const [out] = sides;
  const name = `${stage.slopes}.weight`;
  return [
    ...convolution(stage.convolution, place, sides, from),
    { name, kind: 'vector', shape: [out], place, from, isPartOfTable: false },
  ];
}

function convolution(
  path: string,
  place: Place,
  [out, inputs]: Sides,
  from: string,
): readonly TensorSpec[] {
  const spec = { place, from, isPartOfTable: false };
  const shape = [out, inputs, kernelEdge, kernelEdge];
  return [
    { ...spec, name: `${path}.weight`, kind: 'conv', shape },
    { ...spec, name: `${path}.bias`, kind: 'bias', shape: [out] },
  ];
}
