// Loaded before the test files of a run that is told as TAP. AVA's TAP names only the innermost
// frame of a failed assertion, which is one of its own: without those, it is a line of the test.

const ofAva = /\/node_modules\/ava\/lib\//;

Error.prepareStackTrace = (error, sites) => {
  const own = sites.filter((site) => !ofAva.test(site.getFileName() ?? ''));
  return [String(error), ...own.map((site) => `    at ${site}`)].join('\n');
};
