/* queries.c - see queries.h. */
#include "queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/text.h"

#define UDP_SIZE 1232
#define FLAG_RD 0x0100
#define FLAG_AD 0x0020 /* in a query: say whether it is secure */
#define EDNS_DO 0x8000

struct query query_put(uint8_t *octets, const struct mx_name *name,
		       uint16_t qtype, const struct queries_options *options)
{
	bool edns = options->edns || options->dnssec_ok;
	struct mx_out room, *out = &room;

	mx_out_init(out, octets, QUERY_MAX);
	mx_out_u16(out, 0);
	mx_out_u16(out, FLAG_RD | FLAG_AD);
	mx_out_u16(out, 1);
	mx_out_u32(out, 0);
	mx_out_u16(out, edns);
	mx_out_octets(out, name->octets, name->len);
	mx_out_u16(out, qtype);
	mx_out_u16(out, MX_CLASS_IN);
	if (edns) {
		mx_out_u8(out, 0);
		mx_out_u16(out, MX_TYPE_OPT);
		mx_out_u16(out, UDP_SIZE);
		mx_out_u32(out, options->dnssec_ok ? EDNS_DO : 0);
		mx_out_u16(out, 0);
	}
	return (struct query){ .len = (uint16_t)mx_out_len(out),
			       .question_len = (uint16_t)(name->len + 4) };
}

/* 1: a question; 0: nothing there; -1: neither. */
static int question_of(char *line, struct mx_name *ret_name, uint16_t *ret_type)
{
	char *rest, *name = strtok_r(line, " \t\r\n", &rest);
	char *type = strtok_r(NULL, " \t\r\n", &rest);

	if (name == NULL || name[0] == '#')
		return 0;
	return type != NULL && mx_name_from_text(name, ret_name) == MX_OK &&
			       mx_type_from_text(type, ret_type)
		       ? 1
		       : -1;
}

static bool read_lines(FILE *in, const char *path,
		       const struct queries_options *options, FILE *list,
		       FILE *octets, size_t *ret_count)
{
	char line[MX_NAME_TEXT_MAX + 64];
	struct mx_name name;
	uint16_t qtype;
	size_t seen = 0, at = 0, number = 0;

	while (fgets(line, sizeof line, in) != NULL) {
		uint8_t msg[QUERY_MAX];
		struct query q;
		int found = question_of(line, &name, &qtype);

		number++;
		if (found < 0) {
			fprintf(stderr, "%s: line %zu: no NAME TYPE: %s\n",
				mx_excerpt(path).text, number,
				mx_excerpt(line).text);
			return false;
		}
		if (found == 0 || seen++ < options->skip)
			continue;
		q = query_put(msg, &name, qtype, options);
		q.at = at;
		at += q.len;
		fwrite(&q, sizeof q, 1, list);
		fwrite(msg, q.len, 1, octets);
		if (++*ret_count == options->most ||
		    *ret_count == QUERIES_MAX)
			break;
	}
	return true;
}

bool queries_read(const char *path, const struct queries_options *options,
		  struct queries *ret)
{
	size_t size;
	FILE *in = fopen(path, "r"), *list, *octets;
	bool good;

	*ret = (struct queries){ 0 };
	list = open_memstream((char **)&ret->list, &size);
	octets = open_memstream((char **)&ret->octets, &size);
	good = in != NULL && list != NULL && octets != NULL;
	if (!good)
		perror(path);
	else
		good = read_lines(in, path, options, list, octets, &ret->count);
	if (in != NULL)
		fclose(in);
	/* What was written is there once its stream is closed. */
	good = list != NULL && fclose(list) == 0 && good;
	good = octets != NULL && fclose(octets) == 0 && good;
	if (good && ret->count == 0) {
		fprintf(stderr, "%s: no questions\n", mx_excerpt(path).text);
		return false;
	}
	return good;
}

void queries_clear(struct queries *q)
{
	free(q->list);
	free(q->octets);
	*q = (struct queries){ 0 };
}

bool query_match(const uint8_t *query, uint16_t question_len,
		 const uint8_t *reply, size_t len)
{
	return len >= (size_t)MX_HEADER_LEN + question_len &&
	       (reply[2] & 0x80) != 0 && reply[4] == 0 && reply[5] == 1 &&
	       memcmp(reply + MX_HEADER_LEN, query + MX_HEADER_LEN,
		      question_len) == 0;
}

bool queries_match(const struct queries *q, size_t i, const uint8_t *reply,
		   size_t len)
{
	return query_match(queries_octets(q, i), q->list[i].question_len, reply,
			   len);
}
