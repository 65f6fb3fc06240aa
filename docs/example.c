/* example.c: a host program on corbel.h: loads a model, tells a story token by token, and asks for
 * a pipeline's answer as JSON.
 *
 *     cc example.c $(pkg-config --cflags --libs corbel) -o example
 *     ./example demo/storyteller "Once upon a time"
 *
 * tests/cli compiles and runs this very file. */
#include <corbel/corbel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What can fail fills a corbel_error with one sentence for people; the status is for programs. */
static void check(corbel_status status, const corbel_error *err)
{
    if (status == CORBEL_OK)
        return;
    fprintf(stderr, "%s: %s\n", corbel_status_name(status), err->text);
    exit(1);
}

/* The library prints nothing by itself; who wants its warnings takes them. */
static void on_log(void *user, corbel_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

/* ---- generation with tokens in our own hands ------------------------------------------------- */

struct story {
    corbel_decode_stream *stream; /* makes whole characters of tokens */
    int n_tokens;
};

/* Called with each new token, before the next is computed. */
static int on_token(void *user, size_t row, int32_t token)
{
    struct story *story = user;
    const char *text;
    (void)row; /* one prompt, so there is one row */
    if (corbel_decode_stream_push(story->stream, token, &text, NULL) != CORBEL_OK)
        return 1; /* anything but 0 stops the generation */
    fputs(text, stdout);
    fflush(stdout);
    story->n_tokens++;
    return 0;
}

static void tell_story(corbel_model *model, const corbel_tokenizer *tokenizer, const char *prompt)
{
    corbel_error err;
    corbel_encoding *encoding;
    check(corbel_encode(tokenizer, prompt, strlen(prompt), NULL, &encoding, &err), &err);

    /* A tensor only points to our memory. Token ids are [batch, sequence]; this is a batch of 1. */
    corbel_tensor input_ids = {.name = "input_ids", .dtype = CORBEL_I32, .rank = 2};
    input_ids.shape[0] = 1;
    input_ids.shape[1] = (int64_t)encoding->n;
    input_ids.data = encoding->ids;

    /* What is not set comes from generation_config.json, as in transformers. */
    struct story story = {0};
    corbel_generate_params params =
        CORBEL_GENERATE_PARAMS(.max_new_tokens = 60, .do_sample = 1, .temperature = 0.8,
                               .seed = 1, /* the same seed, the same story */
                               .on_token = on_token, .user = &story);

    corbel_tensors *outputs; /* "tokens" [1, new], which we have seen one by one already */
    const char *rest;
    check(corbel_decode_stream_create(tokenizer, true, &story.stream, &err), &err);
    printf("%s", prompt);
    check(corbel_generate(model, &input_ids, 1, &params, &outputs, &err), &err);
    check(corbel_decode_stream_end(story.stream, &rest, &err), &err);
    printf("%s\n(%d tokens)\n", rest, story.n_tokens);

    corbel_tensors_destroy(&outputs);
    corbel_decode_stream_destroy(&story.stream);
    corbel_encoding_destroy(&encoding);
}

/* ---- the same through a pipeline ------------------------------------------------------------- */

/* Text in, JSON out, with the names that transformers' pipelines use. */
static void ask_pipeline(corbel_model *model, const corbel_tokenizer *tokenizer)
{
    corbel_error err;
    corbel_pipeline *pipeline;
    corbel_pipeline_params params =
        CORBEL_PIPELINE_PARAMS(.parameters_json = "{\"max_new_tokens\": 12, \"do_sample\": false}");
    char *json;
    check(corbel_pipeline_create(model, tokenizer, NULL, &pipeline, &err), &err);
    check(corbel_pipeline_run(pipeline, "\"The little bird\"", &params, &json, &err), &err);
    printf("%s\n", json);
    corbel_free(json);
    corbel_pipeline_destroy(&pipeline);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "demo/storyteller";
    const char *prompt = argc > 2 ? argv[2] : "Once upon a time";
    corbel_error err;
    corbel_runtime *runtime;
    corbel_model *model;
    corbel_tokenizer *tokenizer;

    corbel_set_log(on_log, NULL, CORBEL_LOG_WARN);
    check(corbel_runtime_create(NULL, &runtime, &err), &err); /* NULL params: all defaults */
    check(corbel_model_load(runtime, name, &CORBEL_LOAD_PARAMS(.device_map = "cpu"), &model, &err),
          &err);
    check(corbel_tokenizer_load(name, &tokenizer, &err), &err);

    tell_story(model, tokenizer, prompt);
    ask_pipeline(model, tokenizer);

    corbel_tokenizer_destroy(&tokenizer);
    corbel_model_destroy(&model);
    corbel_runtime_destroy(&runtime); /* after all that came from it */
    return 0;
}
