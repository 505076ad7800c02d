// What a tracker of objects computes (LoRAT, Lin et al. 2024, arXiv 2403.05231): a trunk of DINOv2
// that reads two pictures at once, an object and where it may be by now, and says where it is. The
// trunk's record is that of its `config.json`; the sizes of both pictures are those of the job, or
// of a result, whose file has them as `tracking`.
import { z } from 'zod';
import { Bug, UserError } from '../../crds/failures/errors.ts';
import { count, fieldsOf, parseFields } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions, TrackingSizes } from '../families/family.ts';
import { readVisionConfig, type VisionConfig } from '../vision/config.ts';

export const trackingNames = ['lorat'] as const;
type TrackingName = (typeof trackingNames)[number];

/** The type of the trunk. */
export const trunkType = 'dinov2';

export interface TrackingConfig extends ModelConfig {
  readonly kind: 'tracking';
  readonly family: TrackingName;
  readonly trunk: VisionConfig;
  /** Pixels along the sides of both pictures. */
  readonly sizes: TrackingSizes;
  /** Patches along the sides of both pictures. */
  readonly templateSide: number;
  readonly searchSide: number;
}

const edge = count(4096);
const sizesInFile = z.object({ tracking: z.object({ template: edge, search: edge }) });

/** The record of a tracker, for what computes one. */
export function trackingConfig(config: ModelConfig): TrackingConfig {
  if (isTracking(config)) return config;
  throw new Bug(`a ${config.family} tracks nothing`);
}

function isTracking(config: ModelConfig): config is TrackingConfig {
  return config.kind === 'tracking';
}

/** Whether the file is that of a trained tracker. */
export function isOfTracker(json: object): boolean {
  return 'tracking' in json && 'model_type' in json && json.model_type === trunkType;
}

/** Sizes of the job are before those of the file. */
export function readTrackingConfig(json: unknown, options: ReadOptions = {}): TrackingConfig {
  const { path = 'config.json', tracking } = options;
  const trunk = trunkOf(json, options, path);
  const sizes = tracking ?? parseFields(sizesInFile, fieldsOf(json, path), path).tracking;
  const sideOf = (which: keyof TrackingSizes): number => patchesAlong(which, sizes, trunk);
  const [templateSide, searchSide] = [sideOf('template'), sideOf('search')];
  if (templateSide > searchSide) {
    throw invalid(
      `spec.dataset.tracking: template is ${sizes.template} and search ${sizes.search}; the template must not be larger, since its positions are a part of those of the search picture`,
    );
  }
  const { H, L, V, NH, NK, D, I, attentionScale, dropout } = trunk;
  return {
    ...{ kind: 'tracking', family: 'lorat', trunk, sizes, templateSide, searchSide },
    ...{ H, L, V, NH, NK, D, I, attentionScale },
    contextLength: templateSide ** 2 + searchSide ** 2,
    ...(dropout !== undefined && { dropout }),
  };
}

/** The classes that a file names are of no head that is read here. */
function trunkOf(json: unknown, options: ReadOptions, path: string): VisionConfig {
  const { id2label: _, num_labels: __, ...fields } = fieldsOf(json, path);
  const type = fields['model_type'];
  if (type === trunkType) return readVisionConfig(fields, options);
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: type,
    message: `${path}: model_type is ${JSON.stringify(type)}; objects are tracked on a trunk of ${trunkType}`,
  });
}

function patchesAlong(
  which: keyof TrackingSizes,
  sizes: TrackingSizes,
  { patch }: VisionConfig,
): number {
  const size = sizes[which];
  if (size % patch === 0) return size / patch;
  throw invalid(
    `spec.dataset.tracking.${which} is ${size}; it must be a multiple of the model's patches of ${patch} x ${patch} pixels`,
  );
}

function invalid(message: string): UserError {
  return new UserError({ code: 'E_INVALID_SPEC', path: 'spec.dataset.tracking', message });
}
