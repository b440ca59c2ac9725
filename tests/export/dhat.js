// SPDX-License-Identifier: Apache-2.0
// Loads valgrind's own viewer without a page, gives it a file, and prints the sums of its root: the sixth of the sums are
// what a browser would show as the first line of the tree.
const fs = require("fs");
const vm = require("vm");

const [viewer, file] = process.argv.slice(2);
const node = () => ({ childNodes: [], appendChild() {}, removeChild() {}, setAttribute() {}, style: {}, classList: { add() {} } });
const sandbox = { document: { createElement: node, createTextNode: node, getElementById: node, body: node() }, console };
vm.createContext(sandbox);
vm.runInContext(fs.readFileSync(viewer, "utf8"), sandbox);
sandbox.text = fs.readFileSync(file, "utf8");
vm.runInContext(
    `gSelect = { childNodes: gSelectData.map(() => ({})), selectedIndex: 0 };
     gData = JSON.parse(text); buildTree();
     result = { total: gRoot._totalBytes, allocations: gRoot._totalBlocks, lifetime: gRoot._totalLifetimes,
         peak: gRoot._atTGmaxBytes, peakBlocks: gRoot._atTGmaxBlocks, live: gRoot._atTEndBytes, liveBlocks: gRoot._atTEndBlocks };`,
    sandbox);
console.log(JSON.stringify(sandbox.result));
