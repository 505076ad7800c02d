/**
 * Loads several test files into one process of AVA; their titles begin with the path of their file.
 */
import { registerHooks } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test from 'ava';
import { suiteQueue } from './suite-queue.ts';

const root = join(import.meta.dirname, '../..');
const named = pathToFileURL(join(import.meta.dirname, 'named-ava.ts')).href;

export async function loadSuite(files: readonly string[]): Promise<void> {
  // Each test file gets an `ava` of its own, which knows the file.
  registerHooks({
    resolve(specifier, context, next) {
      const from = context.parentURL ?? '';
      const isTest = /^file:[^?]*\.test\.tsx?$/.test(from);
      if (specifier !== 'ava' || !isTest) return next(specifier, context);
      const file = relative(root, fileURLToPath(from)).replaceAll('\\', '/');
      const found = next(named, context);
      return { ...found, url: `${found.url}?file=${encodeURIComponent(file)}` };
    },
  });
  for (const file of files) {
    try {
      await import(pathToFileURL(join(root, file)).href);
    } catch (error) {
      // The others of the suite still run.
      test(`${file} can be loaded`, (t) => {
        t.fail(error instanceof Error ? error.stack : String(error));
      });
    }
  }
  suiteQueue.open();
}
