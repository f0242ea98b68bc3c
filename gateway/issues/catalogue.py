"""The issue catalogue: every code a row or a file can end with, its sentence and its cure; nothing else words issues.

A template may use {field}, {value} and {detail}. Codes never change their meaning between releases.
"""

from __future__ import annotations

from gateway.issues.decided import DECIDED
from gateway.issues.kinds import IssueKind
from gateway.issues.kinds import error as _error
from gateway.issues.kinds import info as _info
from gateway.issues.kinds import warning as _warning

_KINDS: tuple[IssueKind, ...] = (
    # --- the file as a whole
    _error("FILE_EMPTY", "The file has no content.", "Send the file again with its rows."),
    _error("FILE_NO_ROWS", "The file has no rows, a header at most.", "Send the file again with at least one row."),
    _error("FILE_FORMAT", "The file is not what its name says: {detail}.", "Export it again in the agreed format."),
    _error("FILE_ENCODING", "The text is not {detail}.", "Save the file in the agreed encoding and send it again."),
    _error("FILE_DELIMITER", "The columns can't be told apart: {detail}.", "Use the agreed delimiter between columns."),
    _error("FILE_HEADER", "The header does not fit: {detail}.", "Restore the agreed header row."),
    _error("FILE_COLUMN_MISSING", "A column is missing: {detail}.", "Add the column, or ask to change the mapping."),
    _error("FILE_COLUMN_TWICE", "A column name stands twice: {detail}.", "Keep one of the columns."),
    _error("FILE_CUT_OFF", "The file ends in the middle: {detail}.", "Send the whole file again."),
    _error("FILE_TOO_LARGE", "The file is larger than allowed: {detail}.", "Split it into several files."),
    _error("FILE_ARCHIVE", "The compressed file can't be used: {detail}.", "Send one plain or zipped file."),
    _error("FILE_PASSWORD", "The workbook is protected by a password.", "Save it without a password."),
    _error(
        "FILE_OLD_WORKBOOK",
        "The workbook is of a kind that is not taken: {detail}.",
        "Open it and save it as an Excel workbook (*.xlsx).",
    ),
    _error("FILE_MACROS", "The workbook contains macros.", "Save it as an Excel workbook without macros (*.xlsx)."),
    _error("FILE_SHEET", "The sheet was not found: {detail}.", "Name the sheet as agreed."),
    _error("FILE_XML", "The XML is not well-formed: {detail}.", "Export it again; close every element."),
    _error("FILE_XML_UNSAFE", "The XML declares a document type or entities.", "Export it without a DOCTYPE."),
    _error("FILE_XML_RECORDS", "No record element was found: {detail}.", "Use the agreed element names."),
    _error("FILE_JSON", "The JSON can't be read: {detail}.", "Export it again."),
    _error("FILE_NAME", "The file name is not taken: {detail}.", "Use plain letters, digits, dots and dashes."),
    _error("FILE_ROUTE", "No route takes a file of this name: {detail}.", "Check the name, or ask for a route."),
    _error("FILE_DUPLICATE", "The same content was already taken: {detail}.", "Nothing to do."),
    _error("FILE_SET_INCOMPLETE", "Files that belong together did not all come: {detail}.", "Send all parts again."),
    _error("FILE_SET_PART", "The file can't be a part of a set: {detail}.", "Number the parts 1 of 3 to 3 of 3."),
    _error("FILE_REPLACED", "A newer file took the place of this one: {detail}.", "Nothing to do."),
    _info("FILE_OTHER_ROUTE", "The file brings back rows of another route: {detail}.", "Nothing to do: it has them."),
    _warning(
        "FILE_FUTURE",
        "The file is dated later than it came, so its arrival counts as its time: {detail}.",
        "Check the clock of the server or program that dates the files.",
    ),
    _error("FILE_REJECT_LIMIT", "Too many rows are faulty: {detail}.", "Mend the rows listed and send the file again."),
    _error("FILE_TROUBLE", "The file could not be processed: {detail}.", "Nothing to do: the operator was told."),
    # --- records as they stand in the file
    _error(
        "ROW_TOO_LONG",
        "The record has more cells than the file has columns: {detail}.",
        "Put cells that contain the delimiter into quotes.",
    ),
    _error(
        "ROW_TOO_SHORT", "The record has fewer cells than the file has columns: {detail}.", "Add the missing cells."
    ),
    _error(
        "ROW_OPEN_QUOTE", "A quote is opened and never closed.", "Close it, or double it if it belongs to the text."
    ),
    _error(
        "ROW_CELL_SIZE",
        "A quoted cell holds more than {detail}.",
        "Shorten it, or close its quote where the cell ends.",
    ),
    _error("ROW_STRAY_QUOTE", "Text follows a closing quote.", "Double quotes that belong to the text."),
    _error(
        "ROW_ENCODING",
        "The record has bytes that are not {detail}.",
        "Save the file in the agreed encoding, or ask to change encoding in the mapping.",
    ),
    _error(
        "ROW_PICTURE",
        "The picture {value} can't be used: {detail}.",
        "Send it as a JPEG, PNG, GIF or WebP file that a browser shows, with the ending of its kind.",
    ),
    _error(
        "ROW_PICTURE_NAME",
        "The picture {value} is not named as agreed ({detail}).",
        "Name it as agreed, like SKU_1.jpg: the article, _, and its place among the article's pictures.",
    ),
    _error("ROW_PICTURE_SIZE", "The picture {value} is larger than allowed: {detail}.", "Make it smaller."),
    _error(
        "CELL_TWICE",
        "The sheet holds the cell {field} twice; one of them says: {value}",
        "Open the workbook in a spreadsheet program, look at the cell and save it.",
    ),
    _error("CELL_ERROR", "The cell {field} holds a spreadsheet error ({value}).", "Mend the formula."),
    _error(
        "CELL_NO_VALUE",
        "The cell {field} holds a formula without a stored value.",
        "Open the workbook, let it calculate, save it.",
    ),
    _error(
        "CELL_DISPLAY",
        "The cell {field} shows {detail} but holds {value}.",
        "Format the column as text and type the code in full.",
    ),
    _warning(
        "CELL_DATE",
        "{field} is a date or a time in the workbook, which a spreadsheet makes of sizes like 5-6 by itself: {value}",
        "Format the column as text and type it again, unless a date is meant.",
    ),
    _error(
        "CELL_REPEATED",
        "{field} would be read from the first of several elements and the others lost: {detail}.",
        "Ask to change the mapping: in XML explode makes a row of each, and a number like [1] takes one on purpose.",
    ),
    # --- mapping
    _error("MAP_NUMBER", "{field} is not a number as agreed ({detail}): {value}", "Write it as in the example."),
    _error(
        "MAP_NUMBER_TWO_READINGS",
        "{field} can be read in two ways ({detail}): {value}",
        "Write it without grouping marks, or with the agreed ones.",
    ),
    _error("MAP_DATE", "{field} is not a date as agreed ({detail}): {value}", "Write it as in the example."),
    _error("MAP_BOOLEAN", "{field} is not one of {detail}: {value}", "Use one of the agreed words."),
    _error("MAP_LOOKUP", "{field} is not in the table {detail}: {value}", "Use a listed value, or have it added."),
    _error(
        "MAP_EXTRACT",
        "{field} does not have the agreed form ({detail}): {value}",
        "Write it as agreed.",
    ),
    _error("MAP_FUNCTION", "{field} can't be worked out ({detail}): {value}", "Check the cell."),
    _error(
        "MAP_FILL",
        "{field} would be filled from {detail}, which is faulty: {value}",
        "Mend that row; in an errors file write its value here as well, in place of the row in brackets.",
    ),
    _warning(
        "MAP_FRACTION",
        "{field} is written as a fraction of 1 and is taken as percentage points ({detail}): {value}",
        "Write percentage points: 20 means 20 %.",
    ),
    _warning("MAP_NEGATIVE", "{field} is below 0 and is taken as {detail}: {value}", "Correct it."),
    _info("MAP_TOLD", "{field} is {detail}; the file says: {value}", "Nothing to do."),
    _error("MAP_SPLIT", "{field} has no part {detail}: {value}", "Write all parts."),
    _error(
        "MAP_NO_BASELINE",
        "No level of {value} is known to add its movements to ({detail}).",
        "Have its level added there, with its day.",
    ),
    _error("MAP_MOVEMENT", "The movement of {value} can't be counted: {detail}.", "Mend the row."),
    # --- contract: fields
    _error("REQUIRED", "{field} is missing.", "Fill it in, or ask for a change of the mapping."),
    _error("NOT_BLANK", "{field} is empty.", "Fill it in."),
    _error("TOO_LONG", "{field} is longer than {detail}: {value}", "Shorten it."),
    _error("CHARACTERS", "{field} has characters that are not allowed ({detail}): {value}", "Remove them."),
    _error("NOT_A_NUMBER", "{field} is not a number: {value}", "Write digits with a dot before decimals."),
    _error("NOT_WHOLE", "{field} is not a whole number: {value}", "Write it without decimals."),
    _error("NOT_PLAIN", "{field} is not in its plain form ({detail}): {value}", "Write it in its plain form."),
    _error("LISTED_TWICE", "{field} names the same entry twice: {value}", "Name each entry once."),
    _error("DECIMALS", "{field} has more than {detail} decimals: {value}", "Round it."),
    _error("TOO_SMALL", "{field} is below {detail}: {value}", "Correct it."),
    _error("TOO_LARGE", "{field} is above {detail}: {value}", "Correct it."),
    _error("NOT_A_TIME", "{field} is not a point in time: {value}", "Write it like 2026-11-22T09:30:00Z."),
    _error("NOT_A_DAY", "{field} is not a day: {value}", "Write it like 2026-11-22."),
    _error("NOT_A_FLAG", "{field} is not true or false: {value}", "Write true or false."),
    _error("NOT_LISTED", "{field} is not one of {detail}: {value}", "Use one of the listed values."),
    _error("NOT_A_GTIN", "{field} is not a valid barcode ({detail}): {value}", "Check the digits."),
    _error(
        "SPREADSHEET_DAMAGE",
        "{field} was damaged by a spreadsheet{detail}: {value}",
        "Format the column as text and type the code in full; a program writes it as text.",
    ),
    _error("HTML_ACTIVE", "{field} holds something a browser would run ({detail}).", "Remove it, keep the text."),
    _error("NOT_AN_ADDRESS", "{field} is not a list of web addresses ({detail}): {value}", "Write https://host/path."),
    _error("NOT_BASE64", "{field} is not a picture as base64 text: {detail}.", "Export the picture again as base64."),
    _error("TOO_LARGE_FILE", "{field} is a file of more than {detail}.", "Make the picture smaller."),
    _error("NOT_A_CURRENCY", "{field} is not a currency code of ISO 4217: {value}", "Write it like EUR or GBP."),
    # --- contract: rules across fields and rows
    _error(
        "DUPLICATE_KEY",
        "The same key stands in several rows ({detail}).",
        "Keep one of the rows. Where each is an article or a promotion of its own, map its own code.",
    ),
    _error("V-PAIR", "A variant needs both its type and its value ({detail}).", "Fill in both or neither."),
    _error("V-ORDER", "The second variant is given without the first.", "Fill in the first variant."),
    _error("V-DIST", "Both variants have the same type: {value}", "Name two different types."),
    _error(
        "V-CONS", "Rows of one product name different variant types ({detail}).", "Use the same types in one order."
    ),
    _warning("V-MIX", "The product has rows with and without variants ({detail}).", "Check the product's rows."),
    _warning("C-UTC-FUTURE", "{field} is more than a day in the future: {value}", "Check the clock of the exporter."),
    _warning("MINIMUM_ABOVE_STOCK", "The minimum to sell is above the stock ({detail}).", "Check both."),
    _error("REQUIRED_ONE", "None of {detail} is given.", "Fill in one of them."),
    _error(
        "PRICE_BASIS", "{field} does not say whether {detail} is net or gross.", "Declare net or gross in the mapping."
    ),
    _error("PRICE_CURRENCY", "{field} is {value}, the destination takes {detail}.", "Send the price in its currency."),
    _error("PRICE_CURRENCY_MISSING", "Nothing says which currency the row's {detail} is in.", "Fill in the currency."),
    _error(
        "TAX_RATE_MISSING",
        "{field} is missing: amounts given {detail} can't be converted without it.",
        "Fill in the tax rate.",
    ),
    _warning("PRICE_ROUNDED", "{field} changes its value when it is rounded ({detail}): {value}", "Check the price."),
    _error("PRICE_ZERO", "{field} becomes 0 when it is rounded ({detail}): {value}", "Check the price."),
    _error("DISCOUNT_PRICE", "{field} is above the price ({detail}).", "Check both prices."),
    _error("V-KEY", "One product and the same variants stand under several articles ({detail}).", "Keep one of them."),
    _error(
        "V-MIX-CATALOG",
        "The product has rows with and without variants ({detail}).",
        "Give every row of the product its variants, or none.",
    ),
    _warning(
        "V-PARENT", "{field} differs between rows of one product ({detail}): {value}", "Check the product's rows."
    ),
    _error("V-BAR", "The barcode {value} stands at several articles ({detail}).", "Give each article its own barcode."),
    _error(
        "B-PAIR",
        "Barcode and barcode type do not go together ({detail}).",
        "Fill in both, or a barcode whose digits tell its type.",
    ),
    _error("B-DIGITS", "{field} does not have the digits of its type ({detail}): {value}", "Check barcode and type."),
    _error("B-CHECK", "{field} has a wrong check digit ({detail}): {value}", "Check the digits."),
    _error("B-ALLZERO", "{field} is all zeros: {value}", "Leave it empty or fill in the barcode."),
    _warning(
        "B-PAD", "{field} lost leading zeros; it is taken with them ({detail}): {value}", "Format the column as text."
    ),
    _warning("B-RESTR", "{field} is a number for use inside one company: {value}", "Use a number GS1 gave out."),
    _error("R-REL", "{field} names the article itself: {value}", "Remove it from the list."),
    _warning(
        "R-REL-UNKNOWN",
        "{field} names what neither this file nor an earlier one has as a product: {value}",
        "Check the codes; an article with variants is named by its product.",
    ),
    _warning(
        "V-REF",
        "{field} is of no article that a catalog has brought: {value}",
        "Check the code, or send the article's catalog row.",
    ),
    _error(
        "C-RATE",
        "{field} looks like a fraction, 20 means 20 % (meant: {detail}?), and less than 1 % is not taken: {value}",
        "Write percentage points.",
    ),
    _warning(
        "T-FRAC", "{field} looks like a fraction, 20 means 20 % (meant: {detail}?): {value}", "Write percentage points."
    ),
    _error(
        "T-FRAC-STRICT",
        "{field} looks like a fraction, 20 means 20 %, and amounts given {detail} would be converted by it: {value}",
        "Write percentage points.",
    ),
    _error(
        "T-FRAC-SENT",
        "{field} looks like a fraction, 20 means 20 %, and the destination would tax by it as it is: {value}",
        "Write percentage points.",
    ),
    _warning("T-RATE", "{field} is not a tax rate in force ({detail}): {value}", "Check the rate."),
    _error("T-RATE-STRICT", "{field} is not a tax rate in force ({detail}): {value}", "Correct the rate."),
    _warning(
        "C-QTY",
        "{field} is not a whole number, though it counts {detail}: {value}",
        "Check the quantity, and the mapping's number form: 1,200 may be 1.2 or 1200.",
    ),
    _error("P-KIND", "{field} is not a JPEG, PNG, GIF or WebP picture.", "Export the picture again."),
    _error("P-WHOLE", "{field} is no picture that can be shown: {detail}.", "Export the picture again."),
    _warning("P-ORDER", "Two pictures of one product have the same place ({detail}): {value}", "Number the pictures."),
    _error("SP-TYPE", "The promotion's type and what it gives do not fit ({detail}).", "Fill in what the type says."),
    _warning(
        "SP-SEL", "The promotion names no article and nothing else it is for.", "Check that it is for everything."
    ),
    _error("SP-SEL-STRICT", "The promotion names no article and nothing else it is for.", "Name what it is for."),
    _warning("SP-SEL-BOTH", "The promotion names an article and a {detail}.", "Name one of them."),
    _error("SP-DATE", "{field} is before {detail}: {value}", "Check both dates."),
    _warning("SP-EXPIRED", "The promotion is over by its {field}: {value}", "Check the dates."),
    _error("SP-RANGE", "{field} is below {detail}: {value}", "Check both."),
    _warning("SP-DISC-MAX", "{field} is 0: the promotion gives nothing.", "Check it."),
    _error("SP-AMOUNT", "{field} takes off more than the price ({detail}).", "Check both."),
    _error("SP-PRICE", "The promotion's price is above the regular price ({detail}).", "Check both prices."),
    _warning("SP-OVERLAP", "Two promotions of the same things overlap in time ({detail}).", "Check both."),
    _error("GROUP_REJECTED", "Another row of the same product or record is faulty ({detail}).", "Mend that row."),
    # --- what a destination needs or does
    _error("DEST_REQUIRED", "{field} is needed by the destination: {detail}.", "Fill it in, or have it mapped."),
    _error(
        "DEST_LIMIT",
        "{field} does not fit the destination: {detail}: {value}",
        "Write what fits or leave it out; where settings decide, ask the operator.",
    ),
    _error(
        "KEY_FOREIGN",
        "{field} does not begin with {detail}, as the keys of this feed do: {value}",
        "Use your own codes. What is for more than your own articles (all, a brand, a category) can't be said here: "
        "name each article or product.",
    ),
    _error("DEST_COMMAND", "The destination can't do the row command {value}.", "Remove the command."),
    _error("DEST_REFUSED", "The destination refused the row: {detail}", "Correct the row and send it again."),
    _error(
        "DEST_SETUP",
        "The destination refused the call as a whole, for a reason that lies in none of its rows: {detail}",
        "Nothing to mend in the file: the operator is told.",
    ),
    _error("DEST_REFUSED_BATCH", "The destination refused the whole call: {detail}", "The operator is told."),
    _error(
        "DEST_UNCERTAIN",
        "It is not known whether the destination took the row: {detail}",
        "Check it at the destination; retry the run if it was not taken.",
    ),
    _warning(
        "DEST_NOT_CONFIRMED",
        "The destination took the row and never said what became of it ({detail}).",
        "Check it at the destination if it matters.",
    ),
    _warning("DEST_NOT_SENT", "{field} is not sent: {detail}: {value}", "Nothing to do where it is meant for others."),
    _warning("DEST_PART_SENT", "Only a part of {field} is sent: {detail}.", "Put first what matters most."),
    _warning("DEST_WARNING", "The destination says: {detail}", "Read it; the row was taken."),
    _error(
        "DEST_ONE_PER_KEY",
        "The destination holds one of these per article; {detail} gives another.",
        "Keep one of the rows; send the other when its time has come.",
    ),
    _error(
        "DEST_ONE_RECORD",
        "To the destination this row and {detail} are one record, which can't hold both.",
        "Keep one of the rows. Articles of one product: map what tells them apart (variant1_type and variant1_value; "
        "pictures also by order).",
    ),
    _warning(
        "DEST_MOVED",
        "The destination has the article as {detail}; by this row it becomes another one there, and the former one "
        "stays, with its stock.",
        "Take the former one out of sale: send a stock row of 0 that names its product and variants itself.",
    ),
    _warning(
        "DEST_GOES_ON",
        "Nothing was ended: at the destination this is one with {detail}, which goes on.",
        "Nothing to do where that is meant: it ends there with the last of them.",
    ),
    _info(
        "DEST_AFTER",
        "The {detail} of this article was not confirmed, so its {field} was not sent.",
        "See what is said of that one: where something is to be mended, mend it and send the row again; else the "
        "operator does.",
    ),
    _warning(
        "DEST_NOTHING",
        "Nothing was sent for the row: {detail}.",
        "Nothing to do; where it still shows at the destination, end it there.",
    ),
    IssueKind(
        "DEST_NOT_THERE",
        "warning",
        "There is nothing to end at the destination: {detail}.",
        "Nothing to do.",
        undone=True,
    ),
    IssueKind("DEST_ENDS_ALONG", "info", "A part of the row was not sent by itself: {detail}.", "Nothing to do.", True),
    _info(
        "DEST_AS_FLAG",
        "The quantity itself was not sent, only whether the product is on sale: {detail}.",
        "Send it beside another product where the level matters.",
    ),
    _info("EFFECT", "The {field} of this row: {detail}.", "Nothing to do."),
    _error("DEST_NO_OFFER", "The offer can't be written at the destination: {detail}.", "Send its catalog row first."),
    _error(
        "DEST_ONBOARDING",
        "The destination does not have this product yet, it needs onboarding: {detail}",
        "Have the product added there, then send the row again.",
    ),
    _error("DEST_DISCOUNT", "The discount can't be given: {detail}.", "Correct the discount, its window or the price."),
    _error(
        "DEST_PRICE",
        "The price can't be set beside the discount there is: {detail}.",
        "End the discount first, or send a price above it.",
    ),
    _warning(
        "DISCOUNT_KEPT",
        "The discount stays {detail}.",
        "Where it is a percentage or an amount off, send its promotion again; a final price stands as it is.",
    ),
    *DECIDED,
)

CATALOGUE: dict[str, IssueKind] = {kind.code: kind for kind in _KINDS}
FIELDED: frozenset[str] = frozenset(kind.code for kind in _KINDS if "{field}" in kind.text)
"""Codes whose sentence names a field."""
UNDONE: frozenset[str] = frozenset(kind.code for kind in _KINDS if kind.undone)
"""Codes of effects after which nothing is known of their key, so that whatever is sent next is news."""
WARNINGS: frozenset[str] = frozenset(kind.code for kind in _KINDS if kind.severity != "error")
