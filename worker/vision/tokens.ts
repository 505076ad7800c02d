// How many tokens a picture is to a vision transformer.
import { UserError } from '../../crds/failures/errors.ts';
import type { VisionConfig } from './config.ts';
import { visionFamilies } from './families.ts';

interface PictureSize {
  readonly height: number;
  readonly width: number;
}

/** Whole patches in a picture; pixels behind the last one are not read. */
export function gridOf(
  { patch }: Pick<VisionConfig, 'patch'>,
  { height, width }: PictureSize,
): { readonly rows: number; readonly columns: number } {
  return { rows: Math.floor(height / patch), columns: Math.floor(width / patch) };
}

/** Throws a UserError for a picture that is smaller than a patch. */
export function tokensOfPicture(
  config: Pick<VisionConfig, 'family' | 'patch'>,
  size: PictureSize,
): number {
  const { rows, columns } = gridOf(config, size);
  if (rows > 0 && columns > 0) return visionFamilies[config.family].prefix.length + rows * columns;
  const { height, width } = size;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    value: `${width} x ${height}`,
    message: `pictures are ${width} x ${height} pixels; they must have at least one patch of ${config.patch} x ${config.patch}`,
    hint: 'set a larger size or crop_size in preprocessor_config.json',
  });
}
