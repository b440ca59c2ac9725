// SPDX-License-Identifier: Apache-2.0
// Holds files to the schema that speedscope ships. Prints what is wrong with the first that is, else nothing.
const fs = require("fs");
const path = require("path");

const [modules, ...files] = process.argv.slice(2);
const Ajv = require(path.join(modules, "ajv"));
const folder = path.join(modules, "speedscope", "dist", "release");
const schema = fs.readdirSync(folder).find((name) => name.startsWith("file-format-schema") && name.endsWith(".json"));
const ajv = new Ajv({ strict: false });
const validate = ajv.compile(JSON.parse(fs.readFileSync(path.join(folder, schema), "utf8")));
for (const file of files) {
    if (!validate(JSON.parse(fs.readFileSync(file, "utf8")))) {
        console.log(file, JSON.stringify(validate.errors));
        break;
    }
}
