import test from 'ava';
import { clipsIn } from '../../../../worker/data/tracked/clip-files.ts';

function namesOf(paths: readonly string[]) {
  return clipsIn(paths.map((path) => ({ path }))).map(({ name, boxes, frames }) => [
    ...[name, boxes.path],
    frames.map(({ path }) => path),
  ]);
}

test('frames lie beside their boxes, or in a folder img, in the order of their numbers', (t) => {
  const found = namesOf([
    ...['b/groundtruth.txt', 'b/10.jpg', 'b/9.jpg', 'b/absence.label', 'b/meta_info.ini'],
    ...['a/groundtruth_rect.txt', 'a/img/0002.png', 'a/img/0001.png', 'other/1.png'],
  ]);
  t.deepEqual(found, [
    ['a', 'a/groundtruth_rect.txt', ['a/img/0001.png', 'a/img/0002.png']],
    ['b', 'b/groundtruth.txt', ['b/9.jpg', 'b/10.jpg']],
  ]);
});

test('a source may be one clip, and a folder without frames is a clip without any', (t) => {
  t.deepEqual(namesOf(['groundtruth.txt', '1.png']), [['', 'groundtruth.txt', ['1.png']]]);
  t.deepEqual(namesOf(['a/groundtruth.txt', 'a/sub/1.png']), [['a', 'a/groundtruth.txt', []]]);
});
