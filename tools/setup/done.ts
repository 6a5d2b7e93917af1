/** `npm run setup`: what follows when the set-up itself was the wish. */
process.stderr.write('spantap: all is in place\n');
